"""An agent written with the package of the Agent Client Protocol itself, which does what its prompt says.

    scripted_acp.py FOLDER

FOLDER keeps its sessions, one file each: what was said in it, line by line.

WRITE FILE: TEXT   asks for permission, then writes          SAY TEXT   its closing words
READ FILE          looks at it
FAIL TEXT          says that the model gave no answer, as Copilot does, and ends well
CHILD              starts a program in a session of its own, which it leaves behind, and waits until it is cancelled
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import acp
from acp import schema

CHOICES = [
    schema.PermissionOption(kind="allow_always", name="Always", option_id="always"),
    schema.PermissionOption(kind="allow_once", name="Once", option_id="once"),
    schema.PermissionOption(kind="reject_once", name="No", option_id="no"),
]
USED = {"input_tokens": 300, "cached_read_tokens": 200, "output_tokens": 10}
"""Of every turn; the protocol wants the sum of all."""


class Scripted(acp.Agent):
    """One process; its sessions outlive it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cwd = Path()
        self.turns = 0
        self.calls = 0
        self.cancelled = asyncio.Event()

    def on_connect(self, conn: Any) -> None:
        """Who is at the other end."""
        self.client = conn

    async def initialize(self, protocol_version: int, *given: Any, **more: Any) -> schema.InitializeResponse:
        """It can load sessions."""
        can = schema.AgentCapabilities(load_session=True)
        me = schema.Implementation(name="scripted", version="1")
        return schema.InitializeResponse(protocol_version=protocol_version, agent_capabilities=can, agent_info=me)

    async def new_session(self, cwd: str, *given: Any, **more: Any) -> schema.NewSessionResponse:
        """Sessions are numbered."""
        self.cwd = Path(cwd)
        self.folder.mkdir(exist_ok=True)
        name = f"s{len(list(self.folder.iterdir())) + 1}"
        (self.folder / name).touch()
        return schema.NewSessionResponse(session_id=name)

    async def load_session(self, cwd: str, session_id: str, *given: Any, **more: Any) -> schema.LoadSessionResponse:
        """What was said is told again."""
        self.cwd = Path(cwd)
        for line in (self.folder / session_id).read_text().splitlines():
            await self.client.session_update(session_id, acp.update_agent_message_text(line))
        return schema.LoadSessionResponse()

    async def prompt(self, session_id: str, prompt: list[Any], *given: Any, **more: Any) -> schema.PromptResponse:
        """One turn."""
        self.turns += 1
        with (self.folder / session_id).open("a") as session:
            session.write(prompt[0].text + "\n")
        for line in prompt[0].text.splitlines():
            await self.act(session_id, line)
            if line.startswith("FAIL "):
                return schema.PromptResponse(stop_reason="end_turn")
        used = {name: number * self.turns for name, number in USED.items()}
        whole = used["input_tokens"] + used["output_tokens"]
        reason = "cancelled" if self.cancelled.is_set() else "end_turn"
        return schema.PromptResponse(stop_reason=reason, usage=schema.Usage(total_tokens=whole, **used))

    async def act(self, session: str, line: str) -> None:
        """One line of a prompt."""
        word, _, rest = line.partition(" ")
        if word == "WRITE":
            await self.write(session, *rest.split(": ", 1))
        elif word == "READ":
            await self.client.session_update(
                session, acp.start_read_tool_call("r", f"Read {rest}", str(self.cwd / rest))
            )
            await self.client.session_update(session, acp.update_tool_call("r", status="completed"))
        elif word == "SAY":
            await self.client.session_update(session, acp.update_agent_message_text(rest))
        elif word == "FAIL":
            await self.client.session_update(session, acp.update_agent_message_text(f"Error: {rest}"))
        elif word == "CHILD":
            code = "import time; time.sleep(600)"
            argv = [sys.executable, "-c", code, str(self.folder)]
            await asyncio.create_subprocess_exec(*argv, start_new_session=True)
            await self.cancelled.wait()

    async def write(self, session: str, name: str, text: str) -> None:
        """A file, if that is allowed."""
        self.calls += 1
        call, path = f"c{self.calls}", str(self.cwd / name)
        begun = acp.start_edit_tool_call(call, f"Write {name}", path, text)
        await self.client.session_update(session, begun)
        diff = [acp.tool_diff_content(path, text)]
        about = schema.ToolCallUpdate(tool_call_id=call, kind="edit", content=diff, status="pending")
        answer = await self.client.request_permission(session, about, CHOICES)
        allowed = isinstance(answer.outcome, schema.AllowedOutcome) and answer.outcome.option_id == "once"
        if allowed:
            Path(path).write_text(text + "\n")
        await self.client.session_update(
            session, acp.update_tool_call(call, status="completed" if allowed else "failed")
        )

    async def cancel(self, session_id: str, **more: Any) -> None:
        """The turn is to end."""
        self.cancelled.set()


if __name__ == "__main__":
    asyncio.run(acp.run_agent(Scripted(Path(sys.argv[1]))))
