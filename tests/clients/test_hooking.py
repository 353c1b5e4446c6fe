"""The hook is installed beside what a person has configured, and what it is told arrives."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from engine import write_hook
from engine.clients.hooking import INSTALLERS, HookPlace, Start, toml_value, with_hook
from engine.clients.presets import PRESETS, preset_command


@pytest.fixture
def place(tmp_path: Path) -> HookPlace:
    """An attempt whose paths have everything a shell could stumble over."""
    tmp_path.chmod(0o700)
    odd = tmp_path / 'it\'s $HOME "x"'
    odd.mkdir()
    return HookPlace(odd / "hooks", "auth", 3, odd / "w1", 60.0, odd / "auth.3", odd / "scratch")


def begun(dialect: str, place: HookPlace, *args: str, env: dict[str, str] | None = None) -> Start:
    """How the program is started with the hook, given the profile's own arguments."""
    preset = PRESETS.get(dialect)
    argv = preset_command(preset, "do it", args) if preset else (dialect, *args, "-p", "do it")
    return with_hook(dialect, Start(argv), place, env or {})


def value_of(argv: tuple[str, ...], flag: str) -> str:
    """What follows a flag that is there once."""
    assert argv.count(flag) == 1, argv
    return argv[argv.index(flag) + 1]


def asks(command: str, place: HookPlace) -> bool:
    """Whether a shell that runs this command calls the hook for this very attempt."""
    words = shlex.split(command)
    told = [str(place.door), "auth", "3", str(place.worktree), "60"]
    return words[0] == sys.executable and words[-5:] == told and words[3] == str(write_hook.__file__)


def hooks_of(settings: dict[str, Any], event: str) -> list[dict[str, Any]]:
    return [hook for group in settings["hooks"][event] for hook in group["hooks"]]


def test_every_known_program_but_unknown_ones_gets_a_hook(place: HookPlace) -> None:
    assert set(PRESETS) - {"acp"} <= set(INSTALLERS)
    start = Start(("aider", "x"))
    assert with_hook("aider", start, place, {}) == start


def test_claude_is_given_a_hook_that_blocks_when_it_fails_beside_its_own_settings(place: HookPlace) -> None:
    mine = {"model": "opus", "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"command": "mine"}]}], "Stop": []}}
    place.worktree.mkdir()
    (place.worktree / "mine.json").write_text(json.dumps(mine))
    for args in ((), ("--settings", "mine.json"), (f"--settings={json.dumps(mine)}",)):
        start = begun("claude", place, *args)
        settings = json.loads(Path(value_of(start.argv, "--settings")).read_text())
        hook = hooks_of(settings, "PreToolUse")[-1]
        assert asks(hook["command"], place)
        assert hook["onFailure"] == "block"
        assert hook["timeout"] > 80_000
        if args:
            assert settings["model"] == "opus"
            assert settings["hooks"]["Stop"] == []
            assert hooks_of(settings, "PreToolUse")[0] == {"command": "mine"}
    assert "do it" in begun("claude", place).argv


def settings_of_codex(argv: tuple[str, ...]) -> dict[str, Any]:
    """What `-c` says, the last word on each key."""
    pairs = [argv[n + 1].partition("=") for n, word in enumerate(argv) if word == "-c"]
    return {key: tomllib.loads(f"value = {value}")["value"] for key, _, value in pairs}


def test_codex_keeps_the_hooks_and_folders_of_its_config(place: HookPlace, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[[hooks.PreToolUse]]\nmatcher = "Bash"\nhooks = [{type = "command", command = "mine"}]\n'
        '[sandbox_workspace_write]\nwritable_roots = ["/srv/cache"]\n'
    )
    start = begun("codex", place, "-m", "gpt-5.5", env={"CODEX_HOME": str(tmp_path)})
    said = settings_of_codex(start.argv)
    assert next(hook["hooks"][0]["command"] for hook in said["hooks.PreToolUse"]) == "mine"
    assert asks(said["hooks.PreToolUse"][-1]["hooks"][0]["command"], place)
    assert said["sandbox_workspace_write.writable_roots"] == ["/srv/cache", str(place.scratch)]
    assert said["sandbox_workspace_write.exclude_slash_tmp"] is True
    assert start.argv[:2] == ("codex", "exec")
    assert start.argv[-1] == "do it"
    assert "--dangerously-bypass-hook-trust" in start.argv


def test_codex_keeps_what_its_profile_says_itself(place: HookPlace) -> None:
    mine = 'hooks.PreToolUse=[{matcher="Bash",hooks=[{type="command",command="mine"}]}]'
    start = begun("codex", place, "-c", mine, "-c", "sandbox_workspace_write.exclude_slash_tmp=false")
    said = settings_of_codex(start.argv)
    assert next(group["hooks"][0]["command"] for group in said["hooks.PreToolUse"]) == "mine"
    assert len(said["hooks.PreToolUse"]) == 2
    assert said["sandbox_workspace_write.exclude_slash_tmp"] is False
    assert sum("hooks.PreToolUse" in word for word in start.argv) == 1


@pytest.mark.parametrize(
    "value", ["", "a\"b\\c\n\x7f\x01é'", 3, True, ["x", {"a b": [1, "y"]}, []], {"k": {"deep": "v"}}]
)
def test_values_become_toml(value: object) -> None:
    assert tomllib.loads(f"value = {toml_value(value)}")["value"] == value


@pytest.mark.parametrize(
    ("dialect", "variable", "event"),
    [
        ("gemini", "GEMINI_CLI_SYSTEM_SETTINGS_PATH", "BeforeTool"),
        ("qwen", "QWEN_CODE_SYSTEM_SETTINGS_PATH", "PreToolUse"),
    ],
)
def test_system_settings_that_are_there_are_kept(
    place: HookPlace, tmp_path: Path, dialect: str, variable: str, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.clients.hooking._open_to_others", lambda folder: False)
    (tmp_path / "system.json").write_text('{"telemetry": {"enabled": false}}')
    start = begun(dialect, place, env={variable: str(tmp_path / "system.json")})
    settings = json.loads(Path(start.env[variable]).read_text())
    assert settings["telemetry"] == {"enabled": False}
    assert asks(hooks_of(settings, event)[-1]["command"], place)
    assert hooks_of(settings, event)[-1]["timeout"] > 80_000_000
    assert not start.remarks


def test_gemini_is_said_to_have_no_hook_where_others_may_write(place: HookPlace, tmp_path: Path) -> None:
    place.stem.parent.chmod(0o777)
    start = begun("gemini", place)
    assert not start.env
    assert "without its pre-edit hook" in start.remarks[0]


def test_gemini_is_given_its_hook_in_the_folder_of_the_session_instead(place: HookPlace) -> None:
    if os.access("/run", os.W_OK) and not Path("/run").stat().st_mode & 0o022:
        session = Path(f"/run/aurora-test-{os.getpid()}")
        session.mkdir(mode=0o700)
        try:
            place.stem.parent.chmod(0o777)
            start = begun("gemini", place, env={"XDG_RUNTIME_DIR": str(session)})
            assert start.env["GEMINI_CLI_SYSTEM_SETTINGS_PATH"].startswith(str(session))
            assert not start.remarks
        finally:
            subprocess.run(["rm", "-r", str(session)], check=True)
    else:
        pytest.skip("no folder here that only this user may write to")


def test_copilot_is_given_a_plug_in_and_keeps_its_home(place: HookPlace) -> None:
    start = begun("copilot", place)
    folder = Path(value_of(start.argv, "--plugin-dir"))
    assert json.loads((folder / "plugin.json").read_text())["hooks"] == "hooks.json"
    (hook,) = json.loads((folder / "hooks.json").read_text())["hooks"]["preToolUse"]
    assert asks(hook["bash"], place)
    assert "COPILOT_HOME" not in start.env


def test_opencode_keeps_the_plug_ins_it_is_told_of(place: HookPlace) -> None:
    told = {"OPENCODE_CONFIG_CONTENT": '{"model": "a/b", "plugin": ["mine"]}'}
    config = json.loads(begun("opencode", place, env=told).env["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == "a/b"
    assert config["plugin"][0] == "mine"
    assert config["plugin"][1].startswith("file:///")


def plug_in(dialect: str, place: HookPlace) -> Path:
    """The file of a plug-in."""
    begun(dialect, place)
    (path,) = place.stem.parent.glob(f"*.{dialect}.*")
    return path


@pytest.mark.parametrize("dialect", ["opencode", "pi"])
def test_a_plug_in_says_no_when_the_hook_does_and_when_it_cannot_be_run(place: HookPlace, dialect: str) -> None:
    node = subprocess.run(["node", "--version"], capture_output=True, text=True)
    if node.returncode:
        pytest.skip("node is not installed")
    path = plug_in(dialect, place)
    text = path.read_text()
    if dialect == "pi":
        text = text.replace(": string[]", "").replace(": unknown", "").replace(": Promise<string>", "")
        text = text.replace(": any", "")
    play = {
        "opencode": 'const h = (await m.AuroraLocks({directory: "/"}))["tool.execute.before"]\n'
        'const say = (tool, args) => h({tool}, {args}).then(() => "go", (e) => e.message)',
        "pi": "let h; m.default({on: (name, f) => { h = f }})\n"
        'const say = (tool, args) => h({toolName: tool, input: args}).then((r) => r ? r.reason : "go")',
    }[dialect]
    program = place.stem.parent / "play.mjs"
    broken = place.stem.parent / "broken.mjs"
    (place.stem.parent / "m.mjs").write_text(text.replace('"60"]', '"0"]'))
    broken.write_text(text.replace(json.dumps(sys.executable), '"/no/such/python"'))
    program.write_text(
        f"const m = await import(process.argv[2])\n{play}\n"
        'console.log(JSON.stringify([await say("read", {path: "a"}), await say("write", {path: "a.py"})]))'
    )
    said = [
        json.loads(subprocess.run(["node", program, module], capture_output=True, text=True, check=True).stdout)
        for module in (place.stem.parent / "m.mjs", broken)
    ]
    assert said[0][0] == "go"
    assert "no engine of Aurora runs" in said[0][1]
    assert all("the hook of Aurora failed" in words for words in said[1])
