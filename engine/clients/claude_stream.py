"""The stream of Claude Code (`--output-format stream-json`), and of Qwen Code, which speaks nearly the same (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.clients.json_path import Object, amount_at, at, number_at, object_at, objects_at, text_at
from engine.clients.reports import (
    NO_USAGE,
    Edited,
    Ended,
    Failed,
    Noted,
    PermissionDenied,
    Ran,
    RateLimited,
    Report,
    Retrying,
    Said,
    Session,
    Trouble,
    Usage,
    Used,
)
from engine.clients.troubles import retry_words, trouble_of, try_words

API_ERROR = "[API Error:"
"""How a result begins that qwen calls a success although its provider gave no answer."""

EDITS = ("Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "edit", "replace", "notebook_edit")
MOST_PENDING = 200
MOST_MESSAGES = 10_000
PATIENCE_WITH_AUTH = 2
"""Retries of a refused key after which it counts as refused: the program itself goes on for minutes."""
_SILENT = ("hook_started", "hook_response", "hook_progress", "status", "task_notification", "goal_state")
_REFUSED = ("model_refusal_no_fallback", "model_refusal")


class ClaudeStream:
    """Reads one process's lines. With `cached_within` the input tokens include those from the cache (Qwen). `before`
    is what a resumed conversation had used: some totals go on from there, some begin anew."""

    noise: tuple[bytes, ...] = (b'{"type":"stream_event"',)

    def __init__(self, cached_within: bool = False, before: Usage = NO_USAGE) -> None:
        self._cached_within = cached_within
        self._resumed = before
        self._session = ""
        self._model = ""
        self._tools: dict[str, tuple[str, str]] = {}
        self._denied: set[str] = set()
        self._messages: dict[str, Usage] = {}
        self._before = Usage()
        self._results = 0

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        kind = text_at(line, "type")
        if kind == "assistant":
            return self._assistant(line)
        if kind == "user":
            return self._user(line)
        if kind == "result":
            return self._result(line)
        if kind == "rate_limit_event":
            return self._limit(line)
        if kind == "system":
            return self._system(line)
        return iter(()) if kind in ("stream_event", "tool_progress", "control_request", "control_response") else None

    # --- the parts ---

    def _known(self, line: Object) -> Iterator[Report]:
        name = text_at(line, "session_id")
        if name and name != self._session:
            self._session = name
            yield Session(name)

    def _system(self, line: Object) -> Iterator[Report] | None:
        kind = text_at(line, "subtype")
        if kind == "init":
            self._model = text_at(line, "model")
            return self._known(line)
        if kind == "api_retry":
            status = number_at(line, "error_status")
            tries = number_at(line, "attempt"), number_at(line, "max_retries")
            return _retry(text_at(line, "error"), status, tries, amount_at(line, "retry_delay_ms"))
        if kind == "retry":
            tries = number_at(line, "data", "attempt"), number_at(line, "data", "maxRetries")
            return _retry("rate_limit", 429, tries, amount_at(line, "data", "delayMs"))
        if kind in _REFUSED:
            return iter((Failed(Trouble.REFUSED, "the model refused to answer"),))
        if kind in ("informational", "compact_boundary"):
            words = text_at(line, "content") or "the conversation was compacted"
            return iter((Noted(words),))
        return iter(()) if kind in _SILENT else None

    def _limit(self, line: Object) -> Iterator[Report]:
        info = object_at(line, "rate_limit_info")
        if text_at(info, "status") == "rejected":
            which = text_at(info, "rateLimitType").replace("_", " ")
            yield RateLimited(429, None, amount_at(info, "resetsAt"), f"usage limit {which}".strip())

    def _assistant(self, line: Object) -> Iterator[Report]:
        yield from self._known(line)
        message = object_at(line, "message")
        if text_at(message, "model") == "<synthetic>":
            return
        for block in objects_at(message, "content"):
            if text_at(block, "type") == "text" and text_at(block, "text"):
                yield Said(text_at(block, "text"))
            elif text_at(block, "type") == "tool_use":
                yield from self._tool(block)
        yield from self._message_usage(message)

    def _tool(self, block: Object) -> Iterator[Report]:
        name = text_at(block, "name")
        path = text_at(block, "input", "file_path") or text_at(block, "input", "notebook_path")
        command = text_at(block, "input", "command")
        if len(self._tools) >= MOST_PENDING:
            self._tools.pop(next(iter(self._tools)))
        self._tools[text_at(block, "id")] = (name, path or command)
        if name not in EDITS:
            detail = command or path or text_at(block, "input", "pattern") or text_at(block, "input", "description")
            yield Ran(command or f"{name} {detail}".strip())

    def _user(self, line: Object) -> Iterator[Report]:
        metas = {text_at(meta, "id"): meta for meta in objects_at(line, "tool_result_meta")}
        for block in objects_at(line, "message", "content"):
            if text_at(block, "type") != "tool_result":
                continue
            tool = text_at(block, "tool_use_id")
            name, what = self._tools.pop(tool, ("", ""))
            if at(block, "is_error") is not True:
                if name in EDITS and what:
                    yield Edited((what,))
            elif text_at(metas.get(tool), "permission_decision", "decision") == "reject":
                self._denied.add(tool)
                yield PermissionDenied(what or name, _words_of(block))

    # --- usage ---

    def _usage(self, found: Object) -> Usage:
        cached = number_at(found, "cache_read_input_tokens")
        fresh = number_at(found, "input_tokens") + number_at(found, "cache_creation_input_tokens")
        reasoning = number_at(found, "output_tokens_details", "thinking_tokens")
        fresh -= cached if self._cached_within else 0
        return Usage(max(0, fresh), cached, number_at(found, "output_tokens"), reasoning)

    def _message_usage(self, message: Object) -> Iterator[Report]:
        """The blocks of one message repeat its usage, so it is counted once per message: the largest that was seen."""
        name, usage = text_at(message, "id"), self._usage(object_at(message, "usage"))
        before = self._messages.get(name, Usage())
        if usage.tokens <= before.tokens or len(self._messages) >= MOST_MESSAGES:
            return
        self._messages[name] = usage
        yield Used(sum(self._messages.values(), self._before), self._model)

    def _total(self, line: Object) -> Usage:
        """What the result says of this process alone: `model_usage_since_last_result`, where there is one."""
        models = object_at(line, "model_usage_since_last_result")
        if models:
            return sum((_of_model(object_at(models, name)) for name in models), Usage())
        usage = self._usage(object_at(line, "usage"))
        models = object_at(line, "modelUsage")
        whole = sum((_of_model(object_at(models, name)) for name in models), Usage())
        usage = usage if usage.tokens else whole
        goes_on = self._goes_on(whole if whole.tokens else usage)
        usd = amount_at(line, "total_cost_usd")
        if usd is not None and goes_on:
            usd = max(0.0, usd - (self._resumed.usd or 0.0))
        if goes_on and not whole.tokens:
            usage = usage.since(self._resumed)
        return Usage(usage.input, usage.cached, usage.output, usage.reasoning, usd)

    def _goes_on(self, whole: Usage) -> bool:
        """True when a total holds what was used before this process: it is at least that and what was seen here."""
        seen = sum(self._messages.values(), Usage()).tokens
        return bool(self._resumed.tokens) and whole.tokens >= self._resumed.tokens + seen

    def _result(self, line: Object) -> Iterator[Report]:
        yield from self._known(line)
        self._results += 1
        total = self._total(line)
        if total.tokens or total.usd:
            self._before += total
            self._messages.clear()
            yield Used(self._before, self._model)
        for denial in objects_at(line, "permission_denials"):
            if text_at(denial, "tool_use_id") not in self._denied:
                self._denied.add(text_at(denial, "tool_use_id"))
                given = object_at(denial, "tool_input")
                what = text_at(given, "file_path") or text_at(given, "command") or text_at(denial, "tool_name")
                yield PermissionDenied(what)
        bad = at(line, "is_error") is True or text_at(line, "result").startswith(API_ERROR)
        if bad:
            yield self._failure(line)
        yield Ended(not bad, "" if bad else text_at(line, "result"), number_at(line, "num_turns"))

    def _failure(self, line: Object) -> Failed:
        errors = at(line, "errors")
        listed = "; ".join(str(error) for error in errors) if isinstance(errors, list) else ""
        words = text_at(line, "result") or text_at(line, "error", "message") or listed or text_at(line, "subtype")
        if text_at(line, "stop_reason") == "refusal":
            return Failed(Trouble.REFUSED, words)
        if text_at(line, "terminal_reason") == "budget_exhausted" or "max_budget" in text_at(line, "subtype"):
            return Failed(Trouble.BUDGET, words)
        return Failed(trouble_of(words, number_at(line, "api_error_status")), words)


def _retry(error: str, status: int, tries: tuple[int, int], delay: float | None) -> Iterator[Report]:
    kind, seconds = trouble_of(error, status), None if delay is None else delay / 1000
    if kind is Trouble.RATE_LIMIT:
        yield RateLimited(status or 429, seconds, words=try_words(status or 429, *tries))
    elif kind in (Trouble.AUTH, Trouble.QUOTA) and tries[0] >= PATIENCE_WITH_AUTH:
        yield Failed(kind, f"{error.replace('_', ' ')} ({status})")
    else:
        yield Retrying(kind, retry_words(error, status, *tries), seconds)


def _of_model(found: Object) -> Usage:
    return Usage(
        number_at(found, "inputTokens") + number_at(found, "cacheCreationInputTokens"),
        number_at(found, "cacheReadInputTokens"),
        number_at(found, "outputTokens"),
        number_at(found, "thinkingTokens"),
        amount_at(found, "costUSD"),
    )


def _words_of(block: Object) -> str:
    return text_at(block, "content") or " ".join(text_at(part, "text") for part in objects_at(block, "content"))
