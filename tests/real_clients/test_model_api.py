"""The scripted model itself: where a conversation stands, and what stands in its way."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from model_api import ModelApi
from model_api.script import Action, Obstacle, Turn, parse, place_in

PROMPT = "Do this:\nWRITE a.py: x = 1\\ny = 2\nFAIL 429 2 1\nRUN echo hi\nSAY Bye."
TOOLS = [{"name": "Bash", "input_schema": {"properties": {"command": {"type": "string"}}}}]


def test_a_prompt_is_read_line_by_line() -> None:
    script = parse(PROMPT)
    assert script.actions == [Action("WRITE", "a.py", "x = 1\ny = 2\n"), Action("RUN", text="echo hi")]
    assert script.obstacles == {1: [Obstacle("FAIL", ("429", "2", "1"))]}
    assert script.closing == "Bye."


def test_a_quoted_prompt_loses_its_quote() -> None:
    assert parse('"Do this:\nRUN echo "hi"\nSAY Bye."').closing == "Bye."
    assert parse('RUN echo "hi"').actions == [Action("RUN", text='echo "hi"')]


def test_the_place_is_counted_from_the_last_script() -> None:
    first = Turn("user", PROMPT)
    done = (first, Turn("assistant", "Step 1."), Turn("tool", "ok"))
    assert place_in(done)[1] == 1
    again = (*done, Turn("user", "RUN echo more"), Turn("tool", "ok"), Turn("user", "<reminder>"))
    script, step = place_in(again)
    assert (script.actions, step) == ([Action("RUN", text="echo more")], 1)


def ask(api: ModelApi, prompt: str) -> str:
    body = {"messages": [{"role": "user", "content": prompt}], "tools": TOOLS, "model": "m"}
    request = urllib.request.Request(f"{api.address}/v1/messages", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["content"][-1])


def test_failures_are_counted_and_end(api: ModelApi) -> None:
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as failed:
            ask(api, "FAIL 429 2 7\nSAY Well.")
        assert (failed.value.code, failed.value.headers["Retry-After"]) == (429, "7")
        failed.value.close()
    assert "Well." in ask(api, "FAIL 429 2 7\nSAY Well.")
    assert len(api.about("FAIL 429")) == 3


def test_a_call_is_made_with_what_the_client_offers(api: ModelApi) -> None:
    assert "'command': 'echo hi'" in ask(api, "RUN echo hi")
    assert "No tool for WRITE among Bash" in ask(api, "WRITE a: b")
