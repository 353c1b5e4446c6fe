"""Whether a program seems to be logged in, told by names alone."""

from __future__ import annotations

from pathlib import Path

from engine.clients.login import TRACES, login_of
from engine.clients.presets import PRESETS


def test_every_known_program_has_a_trace() -> None:
    assert set(TRACES) == set(PRESETS)


def test_a_key_in_the_environment_is_a_login(tmp_path: Path) -> None:
    found = login_of("claude", {"ANTHROPIC_API_KEY": "sk-secret"}, tmp_path)
    assert found.found
    assert found.words == "ANTHROPIC_API_KEY is set"
    assert not login_of("claude", {"ANTHROPIC_API_KEY": ""}, tmp_path).found


def test_a_file_in_the_home_or_where_it_was_moved_to_is_a_login(tmp_path: Path) -> None:
    assert not login_of("codex", {}, tmp_path).found
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/auth.json").touch()
    assert login_of("codex", {}, tmp_path).words == "its login is in ~/.codex/auth.json"
    assert not login_of("codex", {"CODEX_HOME": str(tmp_path / "elsewhere")}, tmp_path).found


def test_without_a_trace_nothing_is_certain(tmp_path: Path) -> None:
    found = login_of("gemini", {}, tmp_path)
    assert not found.found
    assert found.words == "no login found (neither GEMINI_API_KEY nor ~/.gemini/oauth_creds.json)"
