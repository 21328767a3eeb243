"""A store that does not answer, or not well: nothing is lost, nothing comes twice, and one line says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regression.store import index
from regression.store.delivery import deliver, deliver_waiting
from regression.store.keys import is_run
from regression.store.objects import StoreAway
from regression.store.opening import open_store
from regression.store.session import StorePlugin
from tests.regression.store import faulty
from tests.regression.store.faulty import Proxy

NOWHERE = "http://127.0.0.1:1"


def runs(url: str) -> list[str]:
    """The identities of the runs in the store, one for each object."""
    objects = open_store(url).objects
    stored = [json.loads(objects.read(found.key)) for found in objects.list() if is_run(found.key)]
    return sorted(document["suite"]["run_id"] for document in stored)


def times(number: int, fault: str, method: str = "", part: str = "") -> faulty.Fault:
    """The first so many requests that match come to harm."""
    left = [number]

    def happens(its_method: str, path: str) -> str | None:
        if method in its_method and part in path and left[0]:
            left[0] -= 1
            return fault
        return None

    return happens


@pytest.mark.parametrize("fault", [faulty.CUT, faulty.THROTTLED, faulty.LOST])
def test_what_passes_is_outlived(between: Proxy, bucket: str, saved: Callable[..., Path], fault: str) -> None:
    between.fault = times(2, fault)
    assert deliver(open_store(bucket), saved(run_id="one")).new
    between.fault = times(1, fault, "PUT", "nightly.json")
    assert deliver(open_store(bucket), saved(run_id="two")).new
    assert runs(bucket) == ["one", "two"]


@pytest.mark.parametrize("fault", [faulty.CUT, faulty.THROTTLED, faulty.FORBIDDEN])
def test_what_stays_costs_nothing_and_is_delivered_later(
    between: Proxy, bucket: str, saved: Callable[..., Path], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    between.fault = lambda method, path: fault if method == "PUT" else None
    store = open_store(bucket)
    delivered = deliver(store, saved(run_id="one"))
    assert not delivered.key
    assert f"{bucket} is away (" in delivered.said and "\n" not in delivered.said
    mark = store.append("nvidia-h200/marks/20260301T000000-a.json", b"{}")
    assert not mark.key
    assert len(store.waiting()) == 2
    (still,) = deliver_waiting(store)
    assert "is away" in still and len(store.waiting()) == 2
    between.fault = lambda method, path: None
    said = deliver_waiting(open_store(bucket))
    assert len(said) == 2 and all(line.startswith("of an earlier session, ") for line in said)
    assert not store.waiting()
    assert runs(bucket) == ["one"]
    assert store.objects.read("nvidia-h200/marks/20260301T000000-a.json") == b"{}"
    assert deliver_waiting(open_store(bucket)) == []


def test_a_store_behind_a_closed_port_is_away(
    bucket: str, endpoint: Callable[[str], None], saved: Callable[..., Path]
) -> None:
    endpoint(NOWHERE)
    store = open_store(bucket)
    with pytest.raises(StoreAway, match="EndpointConnectionError"):
        store.fetch()
    assert not deliver(store, saved(run_id="one")).key
    (kept,) = store.waiting()
    assert json.loads(kept.read_text())["suite"]["run_id"] == "one"


def test_a_run_for_which_no_outbox_has_room_stays_where_it_is(
    bucket: str,
    endpoint: Callable[[str], None],
    s3_server: str,
    saved: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk beside a store that is away: the session says so, and a later one delivers from the mirror."""
    store, run = open_store(bucket), saved("0001_nightly.json", run_id="one")
    file = store.folder / "nvidia-h200" / "Linux" / run.name
    file.parent.mkdir(parents=True)
    run.rename(file)
    endpoint(NOWHERE)

    def no_room(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    plugin: Any = StorePlugin(store, SimpleNamespace())  # type: ignore[arg-type]
    with monkeypatch.context() as full:
        full.setattr(Path, "replace", no_room)
        full.setattr("regression.store.session.saving_of", lambda config: SimpleNamespace(file=file))
        plugin.pytest_sessionfinish(SimpleNamespace(config=None))
    lines: list[str] = []
    plugin.pytest_terminal_summary(SimpleNamespace(write_line=lines.append))
    (said,) = lines
    assert said.startswith("store: not delivered: ") and said.endswith(f"; it is stored as {file}")
    assert str(store.outbox) in said and "No space left on device" in said
    assert file.exists() and not store.waiting() and not list(store.outbox.rglob("*.partial"))
    endpoint(s3_server)
    monkeypatch.setattr("regression.store.delivery.LEFT_BEHIND_S", -60.0)
    assert len(deliver_waiting(open_store(bucket))) == 1 and runs(bucket) == ["one"]


def test_an_answer_that_breaks_off_is_not_taken_for_a_run(
    between: Proxy, bucket: str, saved: Callable[..., Path]
) -> None:
    deliver(open_store(bucket), saved("0001_baseline.json", run_id="one"))
    between.fault = times(1, faulty.HALF, "GET", "baseline.json")
    store = open_store(bucket)
    store.fetch()
    (file,) = store.folder.rglob("*_baseline.json")
    assert json.loads(file.read_text())["suite"]["run_id"] == "one"


def test_a_store_that_ignores_conditions_gets_a_folder_for_each_run(
    between: Proxy, bucket: str, saved: Callable[..., Path]
) -> None:
    between.fault = lambda method, path: faulty.UNCONDITIONAL
    for name in ("one", "two"):
        store = open_store(bucket)
        assert not store.objects.exclusive
        # Both writers believe that the store is empty.
        store.objects.append(f"nvidia-h200/{name}/0001_nightly.json", saved(run_id=name).read_bytes())
    assert deliver(open_store(bucket), saved(run_id="three")).key.count("/") == 3
    assert runs(bucket) == ["one", "three", "two"]
    assert deliver(open_store(bucket), saved(run_id="three")).new is False


def test_a_half_written_run_is_left_out_with_a_sentence(bucket: str, saved: Callable[..., Path]) -> None:
    store = open_store(bucket)
    deliver(store, saved(run_id="one"))
    whole = saved(run_id="two").read_bytes()
    store.objects.append("nvidia-h200/64bit/0002_nightly.json", whole[: len(whole) // 2])
    for expected in (2, 0):
        indexed = index.read_all(store)
        assert [night.run_id for night in indexed.nights] == ["one"]
        (sentence,) = indexed.left_out
        assert "0002_nightly.json: is not JSON" in sentence
        assert indexed.read == expected


def test_a_session_that_died_is_delivered_by_the_next(
    bucket: str, saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(bucket)
    left = store.folder / "nvidia-h200" / "Linux" / "0001_nightly.json"
    left.parent.mkdir(parents=True)
    left.write_bytes(saved(run_id="cut", interrupted="its process ended while measuring").read_bytes())
    assert deliver_waiting(store) == [], "its session may be alive"
    monkeypatch.setattr("regression.store.delivery.LEFT_BEHIND_S", -60.0)
    assert len(deliver_waiting(store)) == 1
    assert deliver_waiting(store) == []
    assert runs(bucket) == ["cut"]
    assert deliver(store, saved(run_id="cut")).new, "the whole run takes the place of what was cut short"
    assert not deliver(store, saved(run_id="cut")).new
    assert [night.run_id for night in index.read_all(store).nights] == ["cut"]
