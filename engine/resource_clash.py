"""Pure: does output show that two programs wanted the same port or name of the machine? No code is to blame then."""

from __future__ import annotations

import re

CLASHES = re.compile(
    r"EADDRINUSE"
    r"|address already in use"
    r"|port is already allocated"
    r"|only one usage of each socket address"
    r"|bind\b.{0,80}\bfailed: port .{0,40}\bin use"
    r"|port \d+ (?:is )?(?:already )?in use"
    r"|container name .{0,120} is already in use"
    r"|network with name \S+ already exists"
    r"|could not get lock /var/lib/(?:dpkg|apt)"
    r"|database is locked",
    re.IGNORECASE,
)


def clash_in(output: str) -> str:
    """The words that tell of it, "" when there are none."""
    found = CLASHES.search(output)
    return found[0] if found else ""
