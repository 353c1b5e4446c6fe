"""By hand: `PYTHONPATH=tests/fakes python -m model_api [PORT]`; prints a line for every request."""

from __future__ import annotations

import sys

from model_api.dialect import Reply
from model_api.server import Exchange, ModelApi


def said(exchange: Exchange) -> str:
    """One exchange on one line."""
    answer = exchange.answer
    if isinstance(answer, Reply):
        words = f"calls {answer.call.name}" if answer.call else f"says {answer.text[:60]!r}"
    else:
        words = f"fails with {answer.status}" if answer else "is cut off"
    last = exchange.results()[-1][:200] if exchange.results() else ""
    return f"{len(exchange.turns):3} turns, {words}; the last tool said: {last!r}"


def main() -> None:
    """Serve until ended."""
    api = ModelApi(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(api.address, flush=True)
    shown = 0
    while True:
        api.wait_asked("", shown + 1, deadline=1e6)
        print(said(api.exchanges[shown]), flush=True)
        shown += 1


if __name__ == "__main__":
    main()
