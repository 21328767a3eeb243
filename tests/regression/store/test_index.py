"""The index saves reading, and is never believed against the list of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.schema import INDEX
from regression.store import index, segments
from regression.store.delivery import Known, deliver
from regression.store.opening import open_store
from regression.store.store import Store
from tests.regression.store import faulty
from tests.regression.store.faulty import Proxy


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "shared") if request.param == "folder" else request.getfixturevalue("bucket"))


@pytest.fixture
def stored(store: Store, saved: Callable[..., Path]) -> Callable[..., None]:
    """Delivers a run for each name, on days from the first on."""
    known = Known(store)

    def run(*names: str, file: str = "0001_nightly.json") -> None:
        for name in names:
            day = 1 + len(known.runs("nvidia-h200"))
            assert deliver(store, saved(file, run_id=name, day=day), known).new

    return run


def again(store: Store) -> index.Indexed:
    return index.read_all(open_store(store.url))


def names(indexed: index.Indexed) -> list[str]:
    return [night.run_id for night in indexed.nights]


def shared_segments(store: Store) -> list[str]:
    own = store.cache / "own-index"
    if store.is_local:
        return [path.relative_to(own).as_posix() for path in sorted(own.rglob(f"*{segments.SUFFIX}"))]
    return [found.key for found in store.objects.list() if segments.is_segment(found.key)]


def test_every_run_is_read_once(store: Store, stored: Callable[..., None]) -> None:
    stored("one", "two")
    assert (names(first := again(store)), first.read) == (["one", "two"], 2)
    assert (names(second := again(store)), second.read) == (["one", "two"], 0)
    assert second.nights == first.nights
    stored("three")
    assert (names(third := again(store)), third.read) == (["one", "two", "three"], 1)


def test_another_machine_reads_what_this_one_indexed(
    bucket: str, saved: Callable[..., Path], another_machine: Callable[[], None]
) -> None:
    store = open_store(bucket)
    deliver(store, saved(run_id="one"))
    here = index.read_all(store)
    another_machine()
    there = index.read_all(open_store(bucket))
    assert there.read == 0
    assert names(there) == names(here) == ["one"]
    assert [night.values for night in there.nights] == [night.values for night in here.nights]


def test_an_index_that_is_missing_or_damaged_is_mended(store: Store, stored: Callable[..., None]) -> None:
    stored("one", "two")
    again(store)
    (segment,) = shared_segments(store)
    for content in (None, b"no gzip", b"\x1f\x8b\x08\x00cut"):
        for root in (store.cache / "own-index", store.cache / "index"):
            if (root / segment).exists():
                (root / segment).unlink()
                if store.is_local and content is not None:
                    (root / segment).write_bytes(content)
        if not store.is_local:
            store.objects.remove(segment)
            if content is not None:
                store.objects.append(segment, content)
        mended = again(store)
        assert names(mended) == ["one", "two"]
        assert mended.read == 2
        assert bool(mended.said) is (content is not None), mended.said
        assert again(store).read == 0
        (segment,) = shared_segments(store)


def test_the_list_of_runs_wins_over_the_index(
    store: Store, stored: Callable[..., None], saved: Callable[..., Path]
) -> None:
    stored("one", "two")
    again(store)
    keys = [entry.of.key for entry in again(store).entries]
    store.objects.remove(keys[0])
    assert names(again(store)) == ["two"]
    store.objects.remove(keys[1])
    store.objects.append(keys[1], saved(run_id="other").read_bytes())
    replaced = again(store)
    assert (names(replaced), replaced.read) == (["other"], 1)


def test_many_small_segments_become_one(
    store: Store, stored: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SMALL_SEGMENTS", 3)
    for number in range(9):
        stored(f"run {number}")
        again(store)
        assert len(shared_segments(store)) <= 4
    copies = [path for path in (store.cache / "index").rglob("*") if path.is_file()]
    assert store.is_local or len(copies) == len(shared_segments(store))
    whole = again(store)
    assert (names(whole), whole.read) == ([f"run {number}" for number in range(9)], 0)


def test_a_rebuilt_index_takes_the_place_of_the_old(store: Store, stored: Callable[..., None]) -> None:
    stored("one", "two")
    again(store)
    before = shared_segments(store)
    rebuilt = index.read_all(open_store(store.url), afresh=True)
    assert (names(rebuilt), rebuilt.read) == (["one", "two"], 2)
    after = shared_segments(store)
    assert len(after) == 1 and after != before
    assert again(store).read == 0


def test_a_store_that_takes_no_index_is_indexed_on_this_machine(
    between: Proxy, bucket: str, saved: Callable[..., Path]
) -> None:
    store = open_store(bucket)
    deliver(store, saved(run_id="one"))
    between.fault = lambda method, path: faulty.FORBIDDEN if f"/{INDEX}/" in path and method == "PUT" else None
    first = index.read_all(store)
    assert first.read == 1 and "kept on this machine only" in first.said[0]
    assert index.read_all(store).read == 0
    assert [night.run_id for night in index.last_known(store)] == ["one"]


def test_an_index_of_another_version_is_not_read(
    store: Store, stored: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored("one")
    again(store)
    monkeypatch.setattr(segments, "reader", lambda: "another")
    assert again(store).read == 1
    assert again(store).read == 0
