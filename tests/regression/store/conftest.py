"""A real S3 server on the loopback, stores on it, and a proxy that disturbs what goes there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.schema import STORE
from tests.regression.recorder import Recorder
from tests.regression.store.faulty import Proxy, proxy


@pytest.fixture
def another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From each call on, mirrors and outboxes are those of a machine that has none yet."""

    def move() -> None:
        place = tmp_path / f"machine-{uuid.uuid4().hex[:6]}"
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))

    return move


@pytest.fixture(autouse=True)
def own_places(another_machine: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's mirrors and outboxes, nor the user's store."""
    another_machine()
    monkeypatch.delenv(STORE, raising=False)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server", reason="needs moto[server]: pip install -e '.[test]'")
    pytest.importorskip("s3fs", reason="needs s3fs: pip install -e '.[test]'")
    server = server_module.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def endpoint(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From each call on, s3:// means this server; at first the real one."""
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def use(url: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        s3fs.S3FileSystem.clear_instance_cache()

    use(s3_server)
    return use


@pytest.fixture
def bucket(endpoint: Callable[[str], None]) -> str:
    """The URL of an empty folder in an empty bucket."""
    import fsspec

    name = f"runs-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}/deep/runs"


@pytest.fixture
def between(s3_server: str, bucket: str, endpoint: Callable[[str], None]) -> Iterator[Proxy]:
    """From now on, requests go through this proxy."""
    with proxy(s3_server) as (before, url):
        endpoint(url)
        yield before


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """A stored run outside the store, of the day and the identity that are given."""
    recorder = Recorder(tmp_path / "elsewhere")

    def save(name: str = "0001_nightly.json", **options: Any) -> Path:
        return recorder.store(recorder.document(**options), name)

    return save
