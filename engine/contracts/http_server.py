"""The small server behind the mocks: one function answers requests, each is told on stderr."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from engine.errors import ConfigError

MOST_BODY = 32 << 20
_OPEN_TO_BROWSERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "*",
    "Access-Control-Expose-Headers": "*",
}


@dataclass(frozen=True)
class Request:
    """What was asked. `path` is still percent-encoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Request], Answer]


def serve(answer: Answering, port: int, told: Callable[[str], None]) -> None:
    """Answer on 127.0.0.1 until ended; `told` gets the address once it listens. ConfigError when the port is taken."""
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    try:
        server = _Server(("127.0.0.1", port), handler)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise ConfigError(f"port {port} {'is taken' if taken else f'cannot be used: {error.strerror}'}") from None
    with server:
        told(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever(poll_interval=0.05)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """Hands every request to `answer`."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Aurora", ""
    timeout = 60
    answer: Answering

    def handle_any(self) -> None:
        """One request."""
        parts = urlsplit(self.path)
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MOST_BODY or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self.reply(Answer(411, b'{"error": "send the body with a Content-Length of at most 32 MB"}'))
            return
        body = self.rfile.read(length)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(self.command, parts.path or "/", query, self.headers, body)
        self.reply(Answer(204, headers=_OPEN_TO_BROWSERS) if self.is_preflight() else self.answer(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_TRACE = handle_any

    def is_preflight(self) -> bool:
        """Whether a browser asks if it may ask."""
        return self.command == "OPTIONS" and "Access-Control-Request-Method" in self.headers

    def reply(self, answer: Answer) -> None:
        """Send an answer."""
        why = answer.headers.get("X-Mock-Problem", "")
        print(
            f"{self.command} {unquote(self.path)} → {answer.status}{f': {why}' if why else ''}",
            file=sys.stderr,
            flush=True,
        )
        self.send_response(answer.status)
        without_body = answer.status in (204, 304) or answer.status < 200
        for name, value in {**_OPEN_TO_BROWSERS, **answer.headers}.items():
            self.send_header(name, value.encode("ascii", "backslashreplace").decode())
        if not without_body:
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and not without_body:
            self.wfile.write(answer.body)

    def log_message(self, *words: object) -> None:
        """Said by `reply`, in words of our own."""
