"""An agent that speaks the Agent Client Protocol in plain JSON lines and does what its prompt says, for tests.

WRITE FILE: TEXT   asks for permission (once for several with `&`), then writes      SNEAK FILE   writes unasked
RUN WORDS          asks to run a command     NAMELESS   asks to edit without a name  HANG   waits until cancelled
FAIL               the turn fails            QUIT N     ends at once
"""

from __future__ import annotations

import json
import os
import sys


def say(message: dict[str, object]) -> None:
    """One message to the client."""
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def hear() -> dict[str, object]:
    """One message of the client; the end of them is ours."""
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return dict(json.loads(line))


class Agent:
    """One session."""

    def __init__(self) -> None:
        self.asked = 0
        self.prompts: list[str] = []

    def update(self, **fields: object) -> None:
        """A session update."""
        say({"method": "session/update", "params": {"sessionId": "s1", "update": fields}})

    def permission(self, kind: str, **call: object) -> str:
        """The client's choice."""
        self.asked += 1
        options = [
            {"kind": "allow_always", "name": "Always", "optionId": "always"},
            {"kind": "allow_once", "name": "Once", "optionId": "once"},
            {"kind": "reject_once", "name": "No", "optionId": "no"},
        ]
        tool = {"toolCallId": f"t{self.asked}", "kind": kind, "title": kind, **call}
        self.update(sessionUpdate="tool_call", status="pending", **tool)
        params = {"sessionId": "s1", "options": options, "toolCall": tool}
        say({"id": f"p{self.asked}", "method": "session/request_permission", "params": params})
        while (answer := hear()).get("id") != f"p{self.asked}":
            pass
        return str(answer["result"]["outcome"].get("optionId", "cancelled"))  # type: ignore[index]

    def load(self, number: object, session: str) -> None:
        """An earlier session is repeated, if it is known."""
        if session != "s1":
            say({"id": number, "error": {"code": -32002, "message": "no such session"}})
            return
        with open("prompts.txt", "a") as file:
            file.write(f"loaded {session}\n")
        self.update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": "earlier words"})
        say({"id": number, "result": {}})

    def act(self, line: str) -> str:
        """One line of the prompt; why the turn ends, if it does."""
        word, _, rest = line.partition(" ")
        if word == "WRITE":
            names, _, text = rest.partition(": ")
            places = [{"path": os.path.abspath(name)} for name in names.split("&")]
            chosen = self.permission("edit", locations=places)
            self.update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": f"{names}: {chosen}\n"})
            if chosen == "once":
                for place in places:
                    with open(place["path"], "a") as file:
                        file.write(text + "\n")
                self.update(
                    sessionUpdate="tool_call_update", toolCallId=f"t{self.asked}", status="completed", kind="edit"
                )
        elif word in ("RUN", "NAMELESS"):
            chosen = self.permission("execute" if word == "RUN" else "edit", rawInput={"command": rest})
            self.update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": f"{word}: {chosen}\n"})
        elif word == "HANG":
            while hear().get("method") != "session/cancel":
                pass
            return "cancelled"
        elif word == "QUIT":
            os._exit(int(rest))
        return ""

    def turn(self, text: str) -> dict[str, object]:
        """One prompt."""
        self.prompts.append(text)
        with open("prompts.txt", "a") as file:
            file.write(text + "\n--\n")
        if "FAIL" in text.splitlines():
            return {"error": {"code": -32000, "message": "429 Too Many Requests: rate limit"}}
        for line in text.splitlines():
            if reason := self.act(line):
                return {"result": {"stopReason": reason}}
        used = {"inputTokens": 100, "outputTokens": 10, "cachedReadTokens": 50, "totalTokens": 160}
        self.update(sessionUpdate="usage_update", used=1, size=2, cost={"amount": 0.25, "currency": "USD"})
        return {"result": {"stopReason": "end_turn", "usage": used}}


def main() -> None:
    """Answer until the client hangs up."""
    agent = Agent()
    while True:
        said = hear()
        params = said.get("params")
        assert isinstance(params, dict)
        if said["method"] == "initialize":
            assert "true" not in json.dumps(params.get("clientCapabilities")).lower()
            say({"id": said["id"], "result": {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}})
        elif said["method"] == "session/load":
            agent.load(said["id"], str(params["sessionId"]))
        elif said["method"] == "session/new":
            modes = {"currentModeId": "yolo", "availableModes": [{"id": i, "name": i} for i in ("yolo", "default")]}
            say({"id": said["id"], "result": {"sessionId": "s1", "modes": modes}})
        elif said["method"] == "session/set_mode":
            assert params["modeId"] == "default"
            say({"id": said["id"], "result": {}})
        elif said["method"] == "session/prompt":
            say({"id": said["id"], **agent.turn(params["prompt"][0]["text"])})


if __name__ == "__main__":
    main()
