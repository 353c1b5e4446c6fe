"""What the captured output of real agent programs comes to: session, edits, tokens, dollars, troubles, rate limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clients.copilot_stream import usage_of_file
from engine.clients.judging import judged
from engine.clients.reports import (
    NO_USAGE,
    Edited,
    Failed,
    PermissionDenied,
    Ran,
    RateLimited,
    Report,
    Retrying,
    Said,
    Summary,
    Trouble,
    Usage,
    Used,
)
from engine.clients.stream import DIALECTS, ErrorReader, StreamReader
from engine.clients.wording import Wording, inside, words

STREAMS = Path(__file__).parent / "streams"
LOCKED = "FILE LOCKED by agent B (aurora lock); pick another file"


def bytes_of(name: str) -> bytes:
    path = STREAMS / f"{name}.jsonl"
    return (path if path.exists() else path.with_suffix(".txt")).read_bytes()


def read(name: str, before: Usage = NO_USAGE) -> tuple[list[Report], Summary]:
    client = name.split("-")[0]
    reader = StreamReader(client if client in DIALECTS else "text", before)
    reports = [*reader.feed(bytes_of(name)), *reader.end()]
    return [inside(report, "/repo") for report in reports], reader.summary


def read_errors(name: str) -> list[Report]:
    reader = ErrorReader()
    lines = [*reader.feed((STREAMS / f"{name}.stderr").read_bytes()), *reader.end()]
    return [report for _, reports in lines for report in reports]


def edits(reports: list[Report]) -> list[str]:
    return [path for report in reports if isinstance(report, Edited) for path in report.paths]


def in_words(reports: list[Report]) -> str:
    wording = Wording()
    return "".join(map(wording.of, reports))


def limits(reports: list[Report]) -> list[RateLimited]:
    return [report for report in reports if isinstance(report, RateLimited)]


@pytest.mark.parametrize(
    ("name", "session", "edited", "usage"),
    [
        ("claude-ok", "d3651b77-b2cf-4553-a24c-fbecc8d3714a", ["hello.py"], Usage(800, 1600, 68, 0, 0.00488)),
        ("codex-codemode", "01a2099c-b6d7-7571-ac96-4a472e38f4ea", ["hello.py"], Usage(800, 1600, 68)),
        ("codex-ok", "01a20999-9244-7ef1-a899-2f88c9974547", [], Usage(800, 1600, 68)),
        ("gemini-ok", "b127778c-0ef4-4c51-9674-01052be83245", ["hello.py"], Usage(800, 1600, 68)),
        ("qwen-ok", "dfa47b68-ebe3-4191-b0c5-9ddcddfa228a", ["hello.py"], Usage(800, 1600, 68)),
        ("copilot-ok", "b1cdace4-3963-458e-8d95-59aad9d3541c", ["hello.py"], Usage()),
        ("opencode-ok", "ses_df6664018ffeXKKKJlghItCGYb", ["hello.py"], Usage(800, 1600, 68, 0, 0.0039)),
        ("pi-ok", "01a2152e-b28a-7349-bae9-babcd43dc424", ["hello.py"], Usage(800, 1600, 68, 0, 0.0039)),
        ("aider-ok", "", ["hello.py"], Usage(2400, 0, 18, 0, 0.0062)),
    ],
)
def test_a_run_that_went_well(name: str, session: str, edited: list[str], usage: Usage) -> None:
    reports, summary = read(name)
    assert summary.session == session
    assert edits(reports) == edited
    assert summary.usage.usd == pytest.approx(usage.usd)
    assert summary.usage.since(Usage(usd=summary.usage.usd)).tokens == usage.tokens
    assert (summary.usage.input, summary.usage.cached, summary.usage.output) == (
        usage.input,
        usage.cached,
        usage.output,
    )
    assert summary.failure is None
    assert summary.limited is None
    assert not limits(reports)
    if name != "aider-ok":
        assert summary.ended is not None
        assert summary.ended.ok
        assert summary.said.startswith(("All done.", "ok"))
        assert summary.unknown == 0


def test_a_command_is_told_when_it_begins() -> None:
    reports, _ = read("codex-ok")
    (ran,) = [report for report in reports if isinstance(report, Ran)]
    assert "cat > hello.py" in ran.command


@pytest.mark.parametrize(
    ("name", "kind", "part_of_words"),
    [
        ("claude-refuse", Trouble.REFUSED, "safeguards flagged"),
        ("claude-quota", Trouble.QUOTA, "Credit balance is too low"),
        ("claude-overflow", Trouble.OVERFLOW, "Prompt is too long"),
        ("claude-budget", Trouble.BUDGET, "Reached maximum budget"),
        ("claude-auth", Trouble.AUTH, "authentication failed"),
        ("codex-auth", Trouble.AUTH, "401 Unauthorized"),
        ("codex-e500_999", Trouble.SERVER, "high demand"),
        ("codex-overflow", Trouble.OVERFLOW, "context window"),
        ("codex-quota", Trouble.QUOTA, "Quota exceeded"),
        ("codex-rl_999_1", Trouble.RATE_LIMIT, "429 Too Many Requests"),
        ("gemini-auth", Trouble.AUTH, "invalid x-api-key"),
        ("copilot-auth", Trouble.AUTH, "Authentication failed"),
        ("pi-auth", Trouble.AUTH, "invalid x-api-key"),
        ("pi-quota", Trouble.QUOTA, "exceeded your current quota"),
        ("copilot-rl_999_1", Trouble.RATE_LIMIT, "retried 5 times"),
        ("opencode-auth", Trouble.AUTH, "invalid x-api-key"),
        ("opencode-rl_999_1", Trouble.RATE_LIMIT, "rate limited"),
    ],
)
def test_why_a_run_failed(name: str, kind: Trouble, part_of_words: str) -> None:
    _, summary = read(name)
    assert summary.failure is not None
    assert summary.failure.kind is kind
    assert part_of_words in summary.failure.words
    assert summary.ended is None or not summary.ended.ok
    assert summary.unknown == 0


def test_gemini_s_error_is_told_in_the_provider_s_own_sentence() -> None:
    _, summary = read("gemini-auth")
    assert summary.failure is not None
    assert summary.failure.words == "stub: invalid x-api-key"


@pytest.mark.parametrize("name", ["codex-refuse", "gemini-refuse", "qwen-refuse"])
def test_a_refusal_that_calls_itself_a_success_leaves_its_words_and_no_edit(name: str) -> None:
    reports, summary = read(name)
    assert summary.ended is not None
    assert summary.ended.ok
    assert summary.failure is None
    assert summary.said == "I can't help with that request."
    assert edits(reports) == []


@pytest.mark.parametrize(
    ("name", "waits"),
    [
        ("claude-rl_2_1", [1.219, 1.188]),
        ("codex-rl_2_1", [None, None]),
        ("copilot-rl_2_1", [1.0, 1.0]),
    ],
)
def test_rate_limits_that_passed(name: str, waits: list[float | None]) -> None:
    reports, summary = read(name)
    assert [limit.seconds for limit in limits(reports)] == waits
    assert all(limit.status == 429 for limit in limits(reports))
    assert edits(reports) == ["hello.py"]
    assert summary.failure is None
    assert summary.limited is None


@pytest.mark.parametrize(("name", "times"), [("claude-rl_999_1", 7), ("qwen-rl_999_1", 1)])
def test_a_rate_limit_without_end_is_still_there_when_the_stream_stops(name: str, times: int) -> None:
    reports, summary = read(name)
    assert len(limits(reports)) == times
    assert summary.limited == limits(reports)[-1]
    assert summary.ended is None


def test_gemini_and_qwen_tell_of_rate_limits_on_standard_error() -> None:
    waits = [limit.seconds for limit in limits(read_errors("gemini-rl_2_1"))]
    assert waits == [pytest.approx(seconds) for seconds in (1.0, 5.184, 1.0, 11.213)]
    assert [limit.seconds for limit in limits(read_errors("qwen-rl_999_1"))] == [60.0]
    assert limits(read_errors("gemini-auth")) == []


def retries(reports: list[Report]) -> list[tuple[Trouble, str, float | None]]:
    return [(one.kind, one.words, one.seconds) for one in reports if isinstance(one, Retrying)]


def test_an_agent_that_tries_again_says_what_its_provider_does_and_how_often_it_has_tried() -> None:
    answers = "the provider answers 500, try"
    reports, summary = read("claude-e500_3")
    assert retries(reports) == [
        (Trouble.SERVER, f"{answers} {n}/10", pytest.approx(seconds))
        for n, seconds in ((1, 0.585), (2, 1.082), (3, 2.261))
    ]
    assert summary.retrying is None
    silent = "the provider gives no answer (We’re currently experiencing high demand, which…), try"
    reports, _ = read("codex-e500_999")
    assert retries(reports) == [(Trouble.SERVER, f"{silent} {n}/5", None) for n in range(1, 6)]
    assert retries(read_errors("gemini-e500_1")) == [(Trouble.SERVER, "the provider answers 500, try 1", None)]
    reader = StreamReader("claude")
    reader.feed(b"".join(bytes_of("claude-e500_3").splitlines(keepends=True)[:3]))
    failure = judged(reader.summary, [], -15)
    assert failure is not None
    assert failure.kind is Trouble.SERVER


def test_the_lines_of_one_error_of_gemini_are_one_report() -> None:
    lines = (
        "Attempt 2 failed with status 429. Retrying with backoff... _ApiError: {quota}",
        "    at throwErrorIfNotOK (file:///x/chunk.js:1:2) {",
        "  status: 429",
        "}",
    )
    reader = ErrorReader()
    told = [report for line in lines for _, reports in reader.feed(f"{line}\n".encode()) for report in reports]
    assert told == [RateLimited(429, None, None, "429, try 2")]


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        ("claude-hook", ["locked.py", "echo x > locked2.txt"]),
        ("gemini-hook", ["locked.py", "echo x > locked2.txt"]),
        ("qwen-hook", ["locked.py", "echo x > locked2.txt"]),
        ("copilot-hook", ["locked.py", "echo x > locked2.txt"]),
        ("opencode-hook", ["locked.py", "echo x > locked2.txt"]),
    ],
)
def test_what_was_not_allowed(name: str, denied: list[str]) -> None:
    reports, summary = read(name)
    assert [report.what for report in reports if isinstance(report, PermissionDenied)] == denied
    assert edits(reports) == ["free.py"]
    assert summary.denied == 2
    if name not in ("qwen-hook",):
        first = next(report for report in reports if isinstance(report, PermissionDenied))
        assert LOCKED in first.words


def test_codex_tells_what_was_not_allowed_on_standard_error_only() -> None:
    reports, summary = read("codex-hook-gpt-5.5")
    assert summary.denied == 0
    assert edits(reports) == ["free.py"]
    denied = [report for report in read_errors("codex-hook-gpt-5.5") if isinstance(report, PermissionDenied)]
    assert denied == [PermissionDenied("locked.py", LOCKED), PermissionDenied("echo x > locked2.txt", LOCKED)]


def test_a_resumed_thread_of_codex_goes_on_counting_and_only_the_new_part_is_counted() -> None:
    _, alone = read("codex-s2")
    assert alone.usage.tokens == 4936
    _, resumed = read("codex-s2", before=Usage(800, 1600, 68))
    assert resumed.usage == Usage(800, 1600, 68)


def test_a_resumed_session_of_claude_reports_dollars_of_the_whole_session_and_only_the_new_ones_are_counted() -> None:
    _, summary = read("claude-s2")
    assert b'"total_cost_usd":0.00976' in bytes_of("claude-s2")
    assert summary.usage == Usage(800, 1600, 68, 0, 0.00488)


def test_a_resumed_session_of_qwen_reports_all_of_it_and_only_the_new_part_is_counted() -> None:
    _, fresh = read("qwen-ok", before=Usage(400, 800, 34))
    assert fresh.usage == Usage(800, 1600, 68)
    reader = StreamReader("qwen", Usage(800, 1600, 68))
    twice = bytes_of("qwen-ok").replace(
        b'"input_tokens":2400,"output_tokens":68,"cache_read_input_tokens":1600',
        b'"input_tokens":4800,"output_tokens":136,"cache_read_input_tokens":3200',
    )
    assert twice != bytes_of("qwen-ok")
    reader.feed(twice)
    assert reader.summary.usage == Usage(800, 1600, 68)


def test_usage_is_counted_while_the_agent_works_and_never_twice() -> None:
    reader = StreamReader("claude")
    seen = []
    for line in bytes_of("claude-hook").splitlines(keepends=True):
        reader.feed(line)
        seen.append(reader.summary.usage.tokens)
    assert seen == sorted(seen)
    assert 0 < seen[len(seen) // 2] < seen[-1]
    assert seen[-1] == 1600 + 3200 + 136


def test_a_killed_claude_has_used_what_its_messages_said() -> None:
    _, summary = read("claude-sig-gSIGTERM")
    assert summary.ended is None
    assert summary.usage.tokens == 2 * 1201
    assert summary.model == "claude-opus-5-5"


@pytest.mark.parametrize("name", sorted(path.stem for path in STREAMS.glob("*.jsonl")))
def test_the_pieces_a_stream_arrives_in_make_no_difference(name: str) -> None:
    whole, summary = read(name)
    for size in (1, 7, 4096):
        reader = StreamReader(name.split("-")[0])
        data = bytes_of(name)
        pieces: list[Report] = []
        for start in range(0, len(data), size):
            pieces += reader.feed(data[start : start + size])
        pieces += reader.end()
        assert [inside(report, "/repo") for report in pieces] == whole
        assert reader.summary == summary


@pytest.mark.slow
@pytest.mark.parametrize("client", sorted(name for name in DIALECTS if list(STREAMS.glob(f"{name}-*.jsonl"))))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damage_is_never_fatal(client: str, data: st.DataObject) -> None:
    """Cut, doubled, shuffled and overwritten bytes of real streams, and bytes that never were one."""
    files = sorted(STREAMS.glob(f"{client}-*.jsonl"))
    lines = data.draw(st.sampled_from(files)).read_bytes().splitlines(keepends=True)
    chosen = data.draw(st.lists(st.sampled_from(lines), max_size=6))
    blob = bytearray(b"".join(chosen))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(0, len(blob) - 1)))
        blob[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=12))
    reader = StreamReader(client)
    for report in [*reader.feed(bytes(blob)), *reader.feed(b"\xff\xfe{\n[1]\n"), *reader.end()]:
        words(report)
    assert reader.summary.unknown >= 1


def test_values_of_another_type_are_read_as_nothing() -> None:
    for client in DIALECTS:
        reader = StreamReader(client)
        for kind in ("assistant", "result", "turn.completed", "tool_use", "step_finish", "system", "message", "error"):
            for value in (b"null", b"7", b'"x"', b"[1]", b"1e400", b"true"):
                fields = b",".join(
                    b'"%s":%s' % (key, value)
                    for key in (b"message", b"usage", b"stats", b"part", b"item", b"data", b"error", b"subtype")
                )
                reader.feed(b'{"type":"%s",%s}\n' % (kind.encode(), fields))
        assert reader.summary.usage.tokens == 0


def test_a_line_of_300_kilobytes_is_read_and_one_without_end_takes_no_more_memory_than_the_limit() -> None:
    reader = StreamReader("claude")
    text = "x" * 300_000
    line = b'{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"%s"}]}}\n' % text.encode()
    (said,) = [report for report in reader.feed(line) if isinstance(report, Said)]
    assert len(said.text) == 300_000
    assert len(reader.summary.said) == 4_000
    for _ in range(40):
        reader.feed(b'{"type":"assistant",' + b"y" * (1 << 20))
    assert len(reader._lines._rest) <= 4 << 20
    assert reader.feed(b"\n")[0].__class__.__name__ == "Unknown"
    assert reader.summary.unknown == 1
    assert len(reader.summary.last_unknown[0]) <= 200


def test_the_usage_file_of_copilot_is_summed_up_and_names_the_model_used_most() -> None:
    def model(fresh: int, cached: int, output: int) -> object:
        return {"usage": {"inputTokens": fresh + cached, "cacheReadTokens": cached, "outputTokens": output}}

    said = {"modelMetrics": {"gpt-5-mini": model(10, 0, 1), "gpt-5.5": model(400, 800, 34)}}
    assert usage_of_file(said) == Used(Usage(410, 800, 35), "gpt-5.5")
    assert usage_of_file({}) == Used(Usage())


def logged(why: str, small: str = "false") -> bytes:
    return (
        f'timestamp=2026-11-26T03:49:34Z level=ERROR run=f message="stream error" providerID=p small={small} '
        f'agent=build error.error="AI_APICallError: {why}"\n'
    ).encode()


def test_what_opencode_tells_only_in_its_log_is_read() -> None:
    reader = ErrorReader()
    lines = logged("Rate limit reached, try again in 7 s") + logged("Overworked, sorry") + logged("Title!", "true")
    found = [report for _, reports in reader.feed(lines) for report in reports]
    assert found == [
        RateLimited(429, 7.0, None, "Rate limit reached, try again in 7 s"),
        Retrying(Trouble.SERVER, "the provider gives no answer (Overworked, sorry)"),
    ]


def test_opencode_that_asks_again_and_again_is_told_and_at_last_given_up() -> None:
    tokens = {"input": 0, "output": 0, "reasoning": 0, "cache": {"write": 0, "read": 0}}
    part = {"reason": "unknown", "tokens": tokens, "cost": 0}
    line = json.dumps({"type": "step_finish", "sessionID": "s", "part": part}).encode() + b"\n"
    reader = StreamReader("opencode")
    found = reader.feed(line * 30)
    assert sum(isinstance(report, Retrying) for report in found) == 9
    assert [report.kind for report in found if isinstance(report, Failed)] == [Trouble.CUT]
    assert reader.summary.ended is None


def test_repeated_partial_messages_are_dropped_unparsed() -> None:
    reader = StreamReader("copilot")
    partial = b'{"type":"assistant.message_delta","data":not even json}\n'
    assert reader.feed(partial * 1000) == []
    assert reader.summary.unknown == 0


def test_an_unknown_event_is_kept_and_counted() -> None:
    reader = StreamReader("codex")
    for number in range(5):
        reader.feed(b'{"type":"thread.renamed","name":"n%d"}\n' % number)
    assert reader.summary.unknown == 5
    assert [line[-4:-2] for line in reader.summary.last_unknown] == ["n2", "n3", "n4"]


def test_what_a_person_reads_of_a_stream() -> None:
    reports, _ = read("gemini-hook")
    assert in_words(reports) == (
        "· session 1027a10f-eb9b-420f-80f0-cd13d61fa4ec\n"
        "Working on step 1.\n"
        f"⊘ not allowed: locked.py (Tool execution blocked: {LOCKED})\n"
        "Working on step 2.\n"
        "✎ free.py\n"
        "Working on step 3.\n"
        "$ echo x > locked2.txt\n"
        f"⊘ not allowed: echo x > locked2.txt (Tool execution blocked: {LOCKED})\n"
        "fin\n"
        "· done\n"
    )


def test_a_failure_that_was_overcome_is_none() -> None:
    summary = Summary()
    summary.take(Failed(Trouble.AUTH, "401"))
    for report in read("claude-ok")[0]:
        summary.take(report)
    assert summary.failure is None


def test_pi_is_told_why_a_file_is_not_written_and_that_counts_as_refused() -> None:
    reports, summary = read("pi-hook")
    denied = [report for report in reports if isinstance(report, PermissionDenied)]
    assert [report.what for report in denied] == ["hello.py"]
    assert denied[0].words.startswith("Not written: ")
    assert not edits(reports)
    assert summary.ended is not None
    assert summary.ended.ok


def test_an_answer_that_is_only_the_providers_error_is_no_success() -> None:
    """qwen says `success`, exits 0, and its whole message is that it was not let in."""
    line = b'{"type":"result","subtype":"success","is_error":false,"result":"[API Error: 401 Invalid API key]"}\n'
    reader = StreamReader("qwen")
    reports = [*reader.feed(line), *reader.end()]
    assert [report.kind for report in reports if isinstance(report, Failed)] == [Trouble.AUTH]
    assert reader.summary.ended is not None
    assert not reader.summary.ended.ok
