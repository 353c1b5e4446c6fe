"""One request to the service under verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from engine.contracts.program import Differs
from engine.errors import ConfigError

PATIENCE = 15.0
MOST_BODY = 32 << 20


@dataclass(frozen=True)
class Reply:
    """What was answered."""

    status: int
    type: str
    body: bytes


@dataclass(frozen=True)
class Service:
    """Where a service is: `base` is the path all its operations lie below."""

    scheme: str
    host: str
    base: str
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def at(cls, url: str, base: str, headers: tuple[tuple[str, str], ...] = ()) -> Service:
        """A service at a URL. `base` counts when the URL has no path of its own. ConfigError when it is no URL."""
        if not url:
            hint = "give the contract a `serve:`, or --url http://127.0.0.1:PORT"
            raise ConfigError("there is no service to ask", hint)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigError(f"`{url}` is no URL of a service", "it should look like http://127.0.0.1:8000")
        return cls(parts.scheme, parts.netloc, parts.path.rstrip("/") or base, headers)

    @property
    def url(self) -> str:
        """The address its operations lie below."""
        return f"{self.scheme}://{self.host}{self.base}"

    def ask(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Ask for a path with its query, already encoded. Differs when there is no answer."""
        connect = HTTPSConnection if self.scheme == "https" else HTTPConnection
        connection = connect(self.host, timeout=PATIENCE)
        sent = {"Accept": "application/json, */*;q=0.5", **headers, **dict(self.headers)}
        try:
            connection.request(method, self.base + target, body, sent)
            response = connection.getresponse()
            return Reply(response.status, response.headers.get("Content-Type", ""), response.read(MOST_BODY))
        except (OSError, HTTPException) as error:
            raise Differs([f"{method} {target}: no answer from {self.url} ({error or type(error).__name__})"]) from None
        finally:
            connection.close()
