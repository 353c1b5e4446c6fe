"""The HTTP server: routes a request to its protocol, puts the obstacles of the script in its way, remembers it."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from model_api.anthropic import Anthropic
from model_api.dialect import Asked, Dialect, Event, Failure, Reply
from model_api.gemini import Gemini
from model_api.openai_chat import OpenAiChat
from model_api.openai_responses import OpenAiResponses
from model_api.script import Obstacle, Script, Turn, place_in
from model_api.tools import call_for, example

HOLD_LIMIT = 120.0
ROUTES: tuple[tuple[str, Dialect], ...] = (
    ("/messages", Anthropic()),
    ("/chat/completions", OpenAiChat()),
    ("/responses", OpenAiResponses()),
    ("enerateContent", Gemini()),
)
_Answer = Failure | Reply | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that came: the conversation it carried, its script, and how it was answered (None: cut off)."""

    turns: tuple[Turn, ...]
    script: str
    tools: tuple[str, ...]
    answer: Failure | Reply | None

    def results(self) -> list[str]:
        """What the client's tools have reported so far."""
        return [turn.text for turn in self.turns if turn.role == "tool"]


class ModelApi:
    """A running service. `exchanges` is all that was asked of it, oldest first."""

    def __init__(self, port: int = 0) -> None:
        self.exchanges: list[Exchange] = []
        self._changed = threading.Condition()
        self._met: Counter[tuple[str, int, int]] = Counter()
        self._held: set[str] = set()
        self._released: set[str] = set()
        self._closing = False
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens: http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Let everything go that is held, and listen no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- for tests ---

    def about(self, words: str) -> list[Exchange]:
        """The exchanges whose script came in a message with these words."""
        with self._changed:
            return [exchange for exchange in self.exchanges if words in exchange.script]

    def steps(self, words: str) -> list[Exchange]:
        """Those of them that offered tools: no title, no summary."""
        return [exchange for exchange in self.about(words) if exchange.tools]

    def wait_held(self, name: str, deadline: float = 60.0) -> None:
        """Wait until an answer is held by `name`."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self._held, deadline), f"nothing was held by {name}"

    def wait_asked(self, words: str, times: int = 1, deadline: float = 60.0) -> None:
        """Wait until there were so many requests about `words`."""

        def enough() -> bool:
            return sum(words in exchange.script for exchange in self.exchanges) >= times

        with self._changed:
            assert self._changed.wait_for(enough, deadline), f"not asked {times} times about {words}"

    def wait_told(self, words: str, result: str, deadline: float = 60.0) -> None:
        """Wait until a tool's result in a conversation about `words` says `result`."""

        def told() -> bool:
            about = [exchange for exchange in self.exchanges if words in exchange.script]
            return any(result in said for exchange in about for said in exchange.results())

        with self._changed:
            assert self._changed.wait_for(told, deadline), f"nobody about {words} was told {result}"

    def release(self, name: str) -> None:
        """Let what `name` holds, and will hold, go on."""
        with self._changed:
            self._released.add(name)
            self._changed.notify_all()

    # --- answering ---

    def answer(self, asked: Asked) -> Failure | Reply | None:
        """The answer to a request; None when the connection is to be cut."""
        script, step = place_in(asked.turns)
        found = self._obstructed(script, step if asked.tools else -1) or (self._reply(asked, script, step),)
        with self._changed:
            self.exchanges.append(Exchange(asked.turns, script.key, tuple(asked.tools), found[0]))
            self._changed.notify_all()
        return found[0]

    def _obstructed(self, script: Script, step: int) -> tuple[_Answer] | None:
        """What stands in the way of a step (of any, for a request without tools, when it is for ever)."""
        for place, obstacles in script.obstacles.items():
            for number, obstacle in enumerate(obstacles):
                if place == step or (step < 0 and obstacle.verb == "FAIL" and obstacle.times == 0):
                    if obstacle.verb == "HOLD":
                        self._hold(obstacle.words[0])
                    elif obstacle.verb == "SLOW":
                        self._wait(float(obstacle.words[0]))
                    elif self._applies(script, place, number, obstacle):
                        return (_answer_of(obstacle),)
        return None

    def _applies(self, script: Script, place: int, number: int, obstacle: Obstacle) -> bool:
        with self._changed:
            self._met[script.key, place, number] += 1
            return obstacle.times == 0 or self._met[script.key, place, number] <= obstacle.times

    def _hold(self, name: str) -> None:
        with self._changed:
            self._held.add(name)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or name in self._released, HOLD_LIMIT)

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)

    def _reply(self, asked: Asked, script: Script, step: int) -> Reply:
        if asked.shape is not None:
            return Reply(json.dumps(example(asked.shape)))
        if not asked.tools or step >= len(script.actions):
            return Reply(script.closing if asked.tools else "A title")
        call = call_for(script.actions[step], asked.tools, asked.folder)
        if call is None:
            return Reply(f"No tool for {script.actions[step].verb} among {', '.join(asked.tools)}.")
        return Reply(f"Step {step + 1}.", call)


def _answer_of(obstacle: Obstacle) -> _Answer:
    if obstacle.verb == "FAIL":
        return Failure(int(obstacle.words[0]), obstacle.retry_after)
    return Reply("I cannot help with that.", refused=True) if obstacle.verb == "REFUSE" else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: ModelApi, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Some clients look whether anyone is there."""
        self._send(200, {})

    def do_GET(self) -> None:
        """The list of models; there is nothing else to get."""
        known = {"id": "scripted", "object": "model", "type": "model", "display_name": "scripted"}
        self._send(200 if "models" in self.path else 404, {"object": "list", "data": [known], "has_more": False})

    def do_POST(self) -> None:
        """One request to the model."""
        body = self._body()
        if "count_tokens" in self.path or "countTokens" in self.path:
            self._send(200, {"input_tokens": 1000, "totalTokens": 1000})
            return
        dialect = next((one for word, one in ROUTES if word in self.path), None)
        if dialect is None:
            self._send(404, {"error": {"message": f"nothing at {self.path}"}})
            return
        asked = dialect.read(self.path, body)
        with suppress(ConnectionError):
            self._answer(dialect, asked, cast(_Server, self.server).api.answer(asked))

    def _answer(self, dialect: Dialect, asked: Asked, answer: _Answer) -> None:
        if isinstance(answer, Failure):
            headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
            self._send(answer.status, dialect.error(answer), headers)
        elif answer is None:
            self._open_stream()
            self.wfile.write(b": the answer begins\n\n")
        elif asked.stream:
            self._open_stream()
            for event in dialect.events(asked, answer):
                self._write(event)
        else:
            self._send(200, dialect.whole(asked, answer))

    def _body(self) -> Mapping[str, Any]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        return cast("Mapping[str, Any]", json.loads(raw or b"{}"))

    def _send(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(raw), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def _open_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def _write(self, event: Event) -> None:
        name, data = event
        head = f"event: {name}\n" if name else ""
        self.wfile.write(f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode())
        self.wfile.flush()
