"""A proxy before an S3 server that does to requests what networks and services do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
# What may befall a request: the connection is cut before it arrives, in the middle of the answer, or after the server
# did what was asked; the service refuses it; or a server that does not know conditions ignores that of the request.
CUT, HALF, LOST, THROTTLED, FORBIDDEN, UNCONDITIONAL = "cut", "half", "lost", "throttled", "forbidden", "unconditional"
Fault = Callable[[str, str], str | None]


class Proxy:
    """Forwards requests to a server; `fault` says by method and path what befalls one, and `seen` lists them."""

    def __init__(self, server: str) -> None:
        self.host = urlparse(server).netloc
        self.fault: Fault = lambda method, path: None
        self.seen: list[tuple[str, str]] = []


@contextmanager
def proxy(server: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server, and its URL."""
    before = Proxy(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            before.seen.append((self.command, self.path))
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = before.fault(self.command, self.path)
            if fault == CUT:
                self.close_connection = True
                return
            if fault in (THROTTLED, FORBIDDEN):
                self.answer(503 if fault == THROTTLED else 403, SLOW_DOWN if fault == THROTTLED else DENIED, {})
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            if fault == UNCONDITIONAL:
                headers = {name: value for name, value in headers.items() if name.lower() != "if-none-match"}
            connection = http.client.HTTPConnection(before.host)
            connection.request(self.command, self.path, data, headers)
            response = connection.getresponse()
            body = response.read()
            connection.close()
            if fault == LOST:
                self.close_connection = True
                return
            if fault == HALF:
                self.close_connection = True
                self.answer(response.status, body[: len(body) // 2], dict(response.getheaders()))
                return
            self.answer(response.status, body, dict(response.getheaders()))

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            """With the length that the server announced, where it did."""
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            if not any(name.lower() == "content-length" for name in headers):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield before, f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
