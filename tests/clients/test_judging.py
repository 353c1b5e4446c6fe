"""What an attempt came to, what it cost, and how a conversation is resumed."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from engine.clients.judging import judged
from engine.clients.presets import PRESETS, Extras
from engine.clients.prices import PRICES, cost_of, price_of
from engine.clients.reports import Ended, Failed, RateLimited, Said, Summary, Trouble, Usage
from engine.clients.starting import command_for, model_of
from engine.clients.troubles import LONGEST_WAIT, reset_in, trouble_of, wait_in
from engine.doing_following import spent_in
from engine.plan import AgentProfile, Price


def summary(*reports: object) -> Summary:
    found = Summary()
    for report in reports:
        found.take(report)  # type: ignore[arg-type]
    return found


def test_the_exit_status_alone_says_nothing() -> None:
    assert judged(summary(Ended(True)), [], 1) is None
    failure = judged(summary(Said("Working on it.")), [], 0)
    assert failure is not None
    assert failure.kind is Trouble.OTHER
    assert "without saying that it was done (exit status 0)" in failure.words


def test_a_stream_that_stops_in_a_rate_limit_was_rate_limited() -> None:
    failure = judged(summary(RateLimited(429, 30.0, words="slow down")), [], -9)
    assert failure == Failed(Trouble.RATE_LIMIT, "slow down")
    gone_on = judged(summary(RateLimited(429, 30.0), Said("On we go")), [], -9)
    assert gone_on is not None
    assert gone_on.kind is Trouble.OTHER
    assert "killed by signal 9" in gone_on.words


def test_what_was_said_last_on_standard_error_explains_a_stream_without_an_end() -> None:
    failure = judged(summary(), ["Warning: x", "Please set an API key: no API key found", ""], 41)
    assert failure == Failed(Trouble.AUTH, "Please set an API key: no API key found")
    failure = judged(summary(), ["No conversation found with session ID: 123"], 1)
    assert failure is not None
    assert failure.kind is Trouble.SESSION


def test_a_program_of_plain_text_is_done_when_it_exits_with_0() -> None:
    assert judged(summary(Said("hi\n", part=True)), [], 0, text=True) is None
    assert judged(summary(Said("hi\n", part=True)), [], 1, text=True) is not None


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        ("insufficient_quota: you exceeded your current quota, please check your plan", 429, Trouble.QUOTA),
        ("RESOURCE_EXHAUSTED: Quota exceeded for requests per minute", 429, Trouble.RATE_LIMIT),
        ("overloaded_error", 529, Trouble.RATE_LIMIT),
        ("invalid x-api-key", 401, Trouble.AUTH),
        ("prompt is too long: 210000 tokens", 400, Trouble.OVERFLOW),
        ("socket hang up", 0, Trouble.CUT),
        ("Failed to get response from the AI model; retried 5 times", 0, Trouble.CUT),
        ("[API Error: Model stream ended without a finish reason.]", 0, Trouble.CUT),
        ("something else", 503, Trouble.SERVER),
        ("something else", 0, Trouble.OTHER),
    ],
)
def test_which_trouble_it_is(words: str, status: int, kind: Trouble) -> None:
    assert trouble_of(words, status) is kind


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("has rate limited you. Retrying in 16.0 seconds...", 16.0),
        ("Retrying after 5184ms...", 5.184),
        ("Try again in 3 days 2 hours 1 minute.", 266_460.0),
        ("retry-after: 90 s", 90.0),
        ("try again in 400 days", LONGEST_WAIT),
        ("changed 3 files in 2 folders", None),
    ],
)
def test_how_long_a_text_asks_to_wait(words: str, seconds: float | None) -> None:
    assert wait_in(words) == (None if seconds is None else pytest.approx(seconds))


def test_two_of_a_program_that_prepare_their_database_at_once_are_recognised() -> None:
    """As opencode says it when two start for the first time."""
    errors = ["Error: Unexpected error", "", "Failed query: ", "  CREATE TABLE `workspace` (", "params: "]
    assert judged(summary(), errors, 1) == Failed(Trouble.BUSY, "Failed query: CREATE TABLE `workspace` (")


def test_when_a_text_says_the_limit_ends() -> None:
    assert reset_in("Claude AI usage limit reached|1795460000") == 1795460000.0
    assert reset_in("limit of 1795460000 requests") is None


def test_dollars_are_those_reported_else_estimated_by_the_model_then_by_the_program() -> None:
    usage = Usage(1_000_000, 2_000_000, 100_000)
    assert cost_of(Usage(1, 1, 1, 0, 0.5), ("gpt-5.5",), {}) == (0.5, False)
    assert cost_of(usage, ("gpt-5.5", "codex"), {}) == (pytest.approx(5.0 + 1.0 + 3.0), True)
    assert cost_of(usage, ("", "codex"), {}) == (pytest.approx(2.0 + 0.2 + 1.0), True)
    assert cost_of(usage, ("gpt-5.5",), {"gpt-5.5": Price(2, 1, 10)}) == (pytest.approx(5.0), True)
    assert cost_of(usage, ("nobody-knows", ""), {}) == (0.0, False)
    assert cost_of(Usage(), ("gpt-5.5",), {}) == (0.0, False)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("openai/GPT-5-mini", (0.25, 0.025, 2.0)),
        ("gpt-5.1-codex-mini", (0.25, 0.025, 2.0)),
        ("gpt-5.3-codex", (1.75, 0.175, 14.0)),
        ("claude-opus-4-20250514", (15.0, 1.5, 75.0)),
        ("claude-opus-4-5-20251101", (5.0, 0.5, 25.0)),
        ("claude-sonnet-5.5", (2.0, 0.1, 10.0)),
        ("claude-sonnet-4-5", (3.0, 0.3, 15.0)),
        ("gemini-2.5-flash-lite", (0.1, 0.01, 0.4)),
        ("gemini-3.1-pro-preview", (2.0, 0.2, 12.0)),
        ("qwen3-coder-plus", (0.65, 0.13, 3.25)),
    ],
)
def test_of_several_patterns_the_first_that_fits_a_model_counts(model: str, dollars: tuple[float, ...]) -> None:
    assert price_of(model, {}) == Price(*dollars)


def test_every_list_price_can_be_reached() -> None:
    """A pattern behind a wider one would never be looked at."""
    patterns = list(PRICES)
    for place, pattern in enumerate(patterns):
        name = pattern.replace("[-.]", "-").replace("[01]", "0").replace("[12]", "1").replace("[45]", "4")
        name = name.replace("[23]", "2").replace("[34]", "3").replace("*", "")
        assert not [wider for wider in patterns[:place] if fnmatchcase(name, wider)], pattern


def argv(preset: str, extras: Extras, *args: str) -> str:
    profile = AgentProfile(preset, preset=preset, args=args)
    return " ".join(command_for(profile, prompt="Do it", prompt_file=Path("/p"), extras=extras)[0])


def test_how_each_program_resumes_a_conversation() -> None:
    extras = Extras(resume="ID", new_session="NEW", usage_file="/u.json", max_usd=2.5)
    lines = {name: argv(name, extras) for name in PRESETS}
    assert lines == {
        "claude": "claude -p Do it --output-format stream-json --verbose --permission-mode acceptEdits"
        " --resume ID --max-budget-usd 2.5",
        "codex": 'codex exec resume --json --skip-git-repo-check -c sandbox_mode="workspace-write" ID Do it',
        "gemini": "gemini --output-format stream-json --approval-mode auto_edit --resume ID -p Do it",
        "copilot": "copilot -p Do it --allow-all-tools --no-ask-user --output-format json --resume ID"
        " --usage-output-file /u.json",
        "opencode": "opencode run --format json --print-logs --log-level ERROR -s ID Do it",
        "pi": "pi --mode json --session ID -p Do it",
        "qwen": "qwen --output-format stream-json --approval-mode auto-edit --resume ID -p Do it",
    }


def test_a_new_conversation_gets_an_id_only_where_the_program_tells_it_at_its_end() -> None:
    extras = Extras(new_session="NEW")
    assert "--session-id NEW" in argv("copilot", extras)
    assert all("NEW" not in argv(name, extras) for name in PRESETS if name != "copilot")


def test_the_sandbox_a_person_chose_for_codex_stays_when_it_resumes() -> None:
    resumed = argv("codex", Extras(resume="ID"), "-s", "read-only", "-m", "gpt-5.5")
    assert resumed == ('codex exec resume --json --skip-git-repo-check -c sandbox_mode="read-only" -m gpt-5.5 ID Do it')
    assert 'sandbox_mode="read-only"' in argv("codex", Extras(resume="ID"), "--sandbox=read-only")


def test_the_model_is_read_from_the_arguments() -> None:
    assert model_of(AgentProfile("c", preset="codex", args=("-m", "gpt-5.5"))) == "gpt-5.5"
    assert model_of(AgentProfile("c", preset="codex", args=("--model=o3",))) == "o3"
    assert model_of(AgentProfile("c", preset="codex", args=("-m",))) == ""
    assert model_of(AgentProfile("c", preset="codex")) == ""


def test_what_a_program_spent_is_read_from_what_it_printed(tmp_path: Path) -> None:
    streams = Path(__file__).parent / "streams"
    claude, codex = AgentProfile("c", preset="claude"), AgentProfile("x", command="x", output="codex")
    assert spent_in(streams / "claude-ok.jsonl", claude, {}) == (0.00488, 2468)
    assert spent_in(streams / "codex-ok.jsonl", codex, {"codex": Price(10, 1, 100)}) == (0.0164, 2468)
    assert spent_in(streams / "codex-ok.jsonl", AgentProfile("x", command="x"), {}) == (0.0, 0)
    assert spent_in(tmp_path / "missing", claude, {}) == (0.0, 0)
