"""Runs one agent that speaks the Agent Client Protocol, as the program of an attempt. Only it uses the ACP package.

    acp_agent PROMPT_FILE SESSION COMMAND [ARG...]

It opens a session in the worktree (or SESSION again, when it is not empty and the agent can do that), gives it the
prompt and prints what happens as JSON lines (engine.clients.acp_stream reads them). Who asks for a permission to edit
is answered by the engine like any pre-edit hook, and never allowed more than once. A refusal carries no reason in this
protocol, so the agent is told it in a message of its own afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import acp
from acp import schema

from engine import write_hook
from engine.clients.acp_usage import TurnUsage

LONGEST_LINE = 64 << 20
MOST_REMINDERS = 5
"""How often an agent is told in a message why an edit was refused."""
WRITES = ("edit", "delete", "move")
ASKING_MODES = ("default", "ask", "build")
"""Session modes in which agents ask before they edit, the best one first."""
GOOD_END = "end_turn"
AN_ERROR = "Error: "
"""How Copilot begins the words in which it says that its model gave no answer; the turn ends as if it were well."""
NO_ANSWER = -32000
BESIDE_WORDS = ("inputTokens", "cachedReadTokens", "outputTokens")
LAST_BREATH = 2.0
"""Seconds until an agent that hung up has ended."""


def tell(kind: str, **fields: object) -> None:
    """One line of our output."""
    print(json.dumps({"type": kind, **fields}), flush=True)  # noqa: T201 - this is the program's output


class Desk:
    """What the agent asks of its client, and what it tells. `refused` are the reasons it has not been told yet,
    `last` is what it said last; `muted` while it repeats an earlier conversation."""

    def __init__(self, worktree: str) -> None:
        self.worktree = worktree
        self.refused: list[str] = []
        self.muted = False
        self.last = ""
        self.model = ""
        self.used = TurnUsage()
        self._tools: dict[str, tuple[str, tuple[str, ...]]] = {}

    # --- asked ---

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[schema.PermissionOption], **more: Any
    ) -> schema.RequestPermissionResponse:
        """An edit is asked for at the engine; everything else may go on, once."""
        kind, paths = str(tool_call.kind or ""), self._paths(tool_call)
        named = kind or str(tool_call.title or "")
        try:
            if kind in WRITES and not paths:
                raise write_hook.Denied("Not written: the agent does not say which file it would change.")
            if kind in WRITES or (not kind and paths):
                await asyncio.to_thread(self._ask, list(paths))
        except write_hook.Denied as no:
            tell("denied", paths=self._inside(paths), words=str(no))
            self.refused.append(str(no))
            return _choose(options, "reject_once", "reject_always")
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the edit must not be made
            words = f"Not written: Aurora could not be asked ({type(error).__name__}: {error})."
            tell("denied", paths=self._inside(paths), words=words)
            self.refused.append(words)
            return _choose(options, "reject_once", "reject_always")
        if kind not in WRITES:
            tell("tool", title=str(tool_call.title or named))
        return _choose(options, "allow_once")

    def _ask(self, paths: list[str]) -> None:
        who = write_hook.asker([])
        if who is not None:
            inside, outside = write_hook.place(paths, self.worktree, who.worktree)
            if inside or outside:
                write_hook.ask(who, inside, outside)

    def _paths(self, tool_call: Any) -> tuple[str, ...]:
        """All files a tool call names: where it looks, what its diffs are of, its own arguments."""
        places = [place.path for place in tool_call.locations or ()]
        diffs = [str(part.path) for part in tool_call.content or () if getattr(part, "type", "") == "diff"]
        given = tool_call.raw_input
        named = write_hook.named(given) if isinstance(given, dict) else []
        return tuple(dict.fromkeys((*places, *diffs, *named))) or self._tools.get(tool_call.tool_call_id, ("", ()))[1]

    def _inside(self, paths: tuple[str, ...]) -> list[str]:
        return [os.path.relpath(path, self.worktree) if os.path.isabs(path) else path for path in paths]

    async def write_text_file(self, **more: Any) -> None:
        """Not offered."""
        raise acp.RequestError.method_not_found("fs/write_text_file")

    async def read_text_file(self, **more: Any) -> None:
        """Not offered."""
        raise acp.RequestError.method_not_found("fs/read_text_file")

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Not offered."""
        raise acp.RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Of no interest."""

    def on_connect(self, conn: Any) -> None:
        """Nothing to prepare."""

    # --- told ---

    async def session_update(self, session_id: str, update: Any, **more: Any) -> None:
        """Print what matters of an update."""
        kind = getattr(update, "session_update", "")
        if kind == "usage_update" and update.cost is not None and update.cost.currency == "USD":
            self.used.dollars(update.cost.amount, repeated=self.muted)
        if self.muted:
            return
        match kind:
            case "agent_message_chunk":
                if text := getattr(update.content, "text", ""):
                    self.last = text
                    tell("text", text=text)
                self._count_beside(getattr(update, "field_meta", None))
            case "tool_call" | "tool_call_update":
                self._tool(update)

    def _tool(self, update: Any) -> None:
        """An update says only what is new of a call: its kind and its files may have been told before."""
        kind, paths = str(update.kind or self._tools.get(update.tool_call_id, ("",))[0]), self._paths(update)
        self._tools[update.tool_call_id] = kind, paths
        if kind in WRITES or (not kind and paths):
            if update.status == "completed":
                tell("edit", paths=self._inside(paths))
        elif update.session_update == "tool_call":
            tell("tool", title=str(update.title or kind or "a tool"))

    def _count_beside(self, meta: object) -> None:
        """Some agents say what they used beside their words."""
        used = meta.get("usage") if isinstance(meta, Mapping) else None
        if isinstance(used, Mapping):
            given, cached, output = (int(used.get(name) or 0) for name in BESIDE_WORDS)
            self.used.more(given, cached, output)
            self.tell_usage()

    def tell_usage(self) -> None:
        """Print the sum."""
        whole = self.used.sum
        counted = {"input": whole.input, "cached": whole.cached, "output": whole.output}
        tell("usage", **counted, usd=whole.usd, model=self.model)


def _choose(options: list[schema.PermissionOption], *kinds: str) -> schema.RequestPermissionResponse:
    """The option of the first kind there is; without one the request is called off."""
    for kind in kinds:
        for option in options:
            if option.kind == kind:
                chosen = schema.AllowedOutcome(outcome="selected", option_id=option.option_id)
                return schema.RequestPermissionResponse(outcome=chosen)
    return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))


def _environment(command: list[str]) -> dict[str, str]:
    """Ours; opencode asks for permission only when its configuration says so."""
    env = dict(os.environ)
    if Path(command[0]).name == "opencode":
        config: dict[str, Any] = {}
        with suppress(ValueError):
            config = json.loads(env.get("OPENCODE_CONFIG_CONTENT") or "{}")
        config["permission"] = {**config.get("permission", {}), "edit": "ask"}
        env["OPENCODE_CONFIG_CONTENT"] = json.dumps(config)
    return env


async def run(prompt: str, session: str, command: list[str]) -> int:
    """One session from its prompt to its end; the exit code."""
    worktree = os.getcwd()
    desk = Desk(worktree)
    kwargs = {"stderr": None, "limit": LONGEST_LINE}
    env = _environment(command)
    client: Any = desk
    async with acp.spawn_agent_process(
        client, command[0], *command[1:], env=env, cwd=worktree, transport_kwargs=kwargs
    ) as (agent, process):
        talking = asyncio.ensure_future(_talk(agent, desk, worktree, prompt, session))
        ended = asyncio.ensure_future(process.wait())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, talking.cancel)
        await asyncio.wait({talking, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            talking.cancel()
        try:
            return await talking
        except (asyncio.CancelledError, ConnectionError):
            stopped = talking.cancelled() and not ended.done()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), 0.0 if stopped else LAST_BREATH)
            words = "it was stopped" if stopped else f"the agent ended with {process.returncode}"
            tell("end", ok=False, words=words)
            return 1
        finally:
            ended.cancel()


async def _talk(agent: Any, desk: Desk, worktree: str, prompt: str, before: str) -> int:
    """Prompt, and say what was refused until nothing more is."""
    nothing = schema.ClientCapabilities(
        fs=schema.FileSystemCapabilities(read_text_file=False, write_text_file=False), terminal=False
    )
    about = schema.Implementation(name="aurora", version="1")
    try:
        hello = await agent.initialize(acp.PROTOCOL_VERSION, nothing, about)
        desk.used.agent = hello.agent_info.name if hello.agent_info is not None else ""
        can_load = hello.agent_capabilities is not None and hello.agent_capabilities.load_session
        session = await _session(agent, desk, worktree, before)
        if can_load:
            tell("session", id=session)
        text = prompt
        for _ in range(MOST_REMINDERS + 1):
            reason = await _turn(agent, desk, session, text)
            if not desk.refused:
                break
            text = "\n".join(["Your client refused an edit, for this reason:", *desk.refused])
            desk.refused.clear()
    except acp.RequestError as error:
        tell("error", words=f"{error}", code=error.code, data=_words(error.data))
        return 1
    except asyncio.CancelledError:
        with suppress(Exception):
            await agent.cancel(session)
        raise
    ok = reason == GOOD_END
    tell("end", ok=ok, words="" if ok else f"the agent ended its turn: {reason}")
    return 0 if ok else 1


def _words(data: object) -> str:
    return data if isinstance(data, str) else json.dumps(data, default=str)


async def _session(agent: Any, desk: Desk, worktree: str, before: str) -> str:
    """A session in which the agent asks before it edits: a new one, or that of `before`, which only knows what the
    prompt is about; RequestError when it is gone."""
    if before:
        desk.muted = True
        try:
            found = await agent.load_session(worktree, before, mcp_servers=[])
        except acp.RequestError as error:
            raise acp.RequestError(error.code, f"session {before} not found ({error})", error.data) from None
    else:
        found = await agent.new_session(worktree, mcp_servers=[])
    session = before or str(found.session_id)
    if found is not None:
        await _ask_before_edits(agent, session, found.modes)
        desk.model = _model_in(found.config_options)
    return session


def _model_in(choices: Any) -> str:
    """The model an agent says it works with, if it does."""
    chosen = (str(choice.current_value) for choice in choices or () if choice.category == "model")
    return next(chosen, "")


async def _ask_before_edits(agent: Any, session: str, modes: schema.SessionModeState | None) -> None:
    """Choose the mode in which the agent asks."""
    if modes is None:
        return
    there = {mode.id for mode in modes.available_modes}
    wanted = next((mode for mode in ASKING_MODES if mode in there), None)
    if wanted and wanted != modes.current_mode_id:
        await agent.set_session_mode(session, wanted)


async def _turn(agent: Any, desk: Desk, session: str, text: str) -> str:
    """One prompt; why the turn ended. RequestError when the agent says in words that the model gave no answer."""
    desk.muted, desk.last, before = False, "", desk.used.sum.tokens
    block = schema.TextContentBlock(type="text", text=text)
    answer: schema.PromptResponse = await agent.prompt(session, [block])
    _count(desk, answer.usage, (answer.field_meta or {}).get("quota") or {})
    if desk.last.startswith(AN_ERROR) and desk.used.sum.tokens == before:
        raise acp.RequestError(NO_ANSWER, desk.last.removeprefix(AN_ERROR))
    return str(answer.stop_reason)


def _count(desk: Desk, used: schema.Usage | None, quota: Mapping[str, Any]) -> None:
    """What a turn used, as its end or a `quota` beside it says."""
    if used is not None:
        given, cached = used.input_tokens + (used.cached_write_tokens or 0), used.cached_read_tokens or 0
        desk.used.turn(given, cached, used.output_tokens, used.total_tokens)
    elif isinstance(counted := quota.get("token_count"), dict):
        desk.used.more(int(counted.get("input_tokens") or 0), 0, int(counted.get("output_tokens") or 0))
        desk.model = next((str(one.get("model") or "") for one in quota.get("model_usage") or ()), desk.model)
    else:
        return
    desk.tell_usage()


def main() -> int:
    """The exit code."""
    prompt_file, session, *command = sys.argv[1:]
    prompt = Path(prompt_file).read_text(encoding="utf-8")
    try:
        return asyncio.run(run(prompt, session, command))
    except (OSError, ConnectionError) as error:
        tell("error", words=f"{shlex.join(command)} could not be used: {error}")
        return 127


if __name__ == "__main__":
    sys.exit(main())
