"""Opens a page in headless Chromium: what it requested and complained about, and how it lays out at a width."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# A frame as wide as the wanted window: the page itself may run no script, and windows under 500 pixels are not made.
# Contrast is WCAG 2's, of a text with what is painted behind it.
MEASURE = """<!DOCTYPE html>
<body style="margin:0"><iframe src="%s" style="border:0;width:%dpx;height:2000px"></iframe><script>
window.onload = () => {
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement
  const images = [...page.images].filter(image => image.offsetWidth > 0)
  const folded = page.body.scrollHeight
  page.querySelectorAll("details").forEach(part => part.open = true)
  const rgba = colour => [...colour.match(/[.0-9]+/g).map(Number), 1].slice(0, 4)
  const over = (front, back) => back.map((value, at) => front[at] * front[3] + value * (1 - front[3]))
  const behind = element => over(
    rgba(getComputedStyle(element).backgroundColor),
    element.parentElement ? behind(element.parentElement) : [255, 255, 255]
  )
  const linear = value => value <= 10 ? value / 255 / 12.92 : ((value / 255 + .055) / 1.055) ** 2.4
  const light = ([red, green, blue]) => .05 + .2126 * linear(red) + .7152 * linear(green) + .0722 * linear(blue)
  const contrast = element => {
    const paper = behind(element), ratio = light(over(rgba(getComputedStyle(element).color), paper)) / light(paper)
    return Math.max(ratio, 1 / ratio)
  }
  const written = [...page.body.querySelectorAll("*")].filter(element => element.checkVisibility() &&
    [...element.childNodes].some(node => node.nodeType == Node.TEXT_NODE && node.data.trim()))
  document.title = JSON.stringify({
    smallest: Math.min(...written.map(element => parseFloat(getComputedStyle(element).fontSize))),
    contrast: Math.min(...written.map(contrast)), folded,
    width: root.clientWidth, scroll: root.scrollWidth, tables: page.querySelectorAll("table").length,
    figures: page.querySelectorAll("figure").length, images: images.length,
    drawn: images.filter(image => image.complete && image.naturalWidth > 0).length,
    described: images.filter(image => image.alt).length, scripts: page.scripts.length, text: page.body.innerText,
    dark: getComputedStyle(page.body).backgroundColor,
    classes: [...new Set(images.map(image => image.className))].sort(),
  })
}
</script>"""


@dataclass(frozen=True)
class Opened:
    """The URLs that a page itself asked for, and what the console said."""

    requests: list[str]
    console: list[str]


def open_page(page: Path, folder: Path) -> Opened:
    """Open the file as a user does; `folder` is empty and for the browser."""
    log = folder / "net.json"
    done = _run(folder, f"--log-net-log={log}", "--enable-logging=stderr", "--dump-dom", page.as_uri())
    events = json.loads(log.read_text(encoding="utf-8"))
    started = events["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    # The browser asks its maker for the time and for updates by itself; such requests have no origin.
    asked = [
        event["params"]["url"]
        for event in events["events"]
        if event["type"] == started and event.get("params", {}).get("initiator", "not an origin") != "not an origin"
    ]
    return Opened(asked, [line for line in done.stderr.splitlines() if "CONSOLE" in line])


def measure(page: Path, folder: Path, width: int, dark: bool = False) -> dict:
    """How the page lays out at a width in pixels with every folded part open; `folded` is its height before."""
    frame = folder / "frame.html"
    frame.write_text(MEASURE % (page.as_uri(), width), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = _run(
        folder, "--allow-file-access-from-files", scheme, "--window-size=1600,2000", "--dump-dom", frame.as_uri()
    )
    title = done.stdout.partition("<title>")[2].partition("</title>")[0]
    for code, character in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&")):
        title = title.replace(code, character)
    assert title, f"the browser measured nothing: {done.stderr[-2000:]}"
    return json.loads(title)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    profile = folder / "profile"
    command = [BROWSER, *QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
