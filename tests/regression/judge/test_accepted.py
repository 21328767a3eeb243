"""Reading the file of accepted changes."""

import datetime
from pathlib import Path

import pytest

from regression.judge.accepted import Accepted, WrongAccepted, read_accepted

GOOD = """
[[accepted]]
benchmark = "b"
metric = "kernel_time"
change = "+3%"
reason = "fusion is off until 2.12"
expires = 2026-12-31
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "accepted.toml"
    path.write_text(text)
    return path


def test_an_entry_is_read(tmp_path: Path) -> None:
    entries, wrong = read_accepted(written(tmp_path, GOOD))
    day = datetime.date(2026, 12, 31)
    assert entries == (Accepted("b", "kernel_time", 0.03, "fusion is off until 2.12", day),) and not wrong
    assert entries[0].covers("b", "kernel_time", day)
    assert not entries[0].covers("b", "kernel_time", day + datetime.timedelta(days=1))
    assert not entries[0].covers("b", "latency", day)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('metric = "kernel_time"', 'metric = "kernel"', "`metric` is kernel"),
        ('change = "+3%"', 'change = "3"', "percent sign"),
        ('change = "+3%"', 'change = "-3%"', "for the worse"),
        ('change = "+3%"', "change = 3", "`change` must be a text"),
        ('reason = "fusion is off until 2.12"', 'reason = " "', "`reason`"),
        ("expires = 2026-12-31", 'expires = "2026-12-31"', "`expires` must be a date"),
        ("expires = 2026-12-31", "expires = 2026-12-31T00:00:00", "`expires` must be a date"),
        ("expires = 2026-12-31", "", "the fields"),
        ("expires = 2026-12-31", "expires = 2026-12-31\nuntil = 1", "the fields"),
    ],
)
def test_a_wrong_entry_is_said_and_the_others_hold(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = written(tmp_path, GOOD.replace(old, new) + GOOD)
    entries, wrong = read_accepted(path)
    assert len(entries) == 1
    assert len(wrong) == 1 and str(path) in wrong[0] and "entry 1" in wrong[0] and said in wrong[0]


@pytest.mark.parametrize("text", ["[", "accepted = 3", "[[acepted]]", "\x00"])
def test_a_file_that_is_wrong_as_a_whole_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(WrongAccepted, match=r"accepted\.toml"):
        read_accepted(written(tmp_path, text))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WrongAccepted, match="No such file"):
        read_accepted(tmp_path / "accepted.toml")
