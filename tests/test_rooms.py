"""Imports point one way, and nobody's `engine/` shadows ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE_MODULES = ("engine", "engine.machine", "engine.session", "engine.handle", "engine.config", "engine.control")


def python(code: str, *, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ENGINE_MODULES)
def test_the_engine_loads_no_terminal(module: str, tmp_path: Path) -> None:
    code = f"import sys, {module}; print([m for m in ('textual', 'rich', 'click') if m in sys.modules])"
    assert python(code, cwd=tmp_path) == "[]"


@pytest.fixture
def repository_of_the_same_names(tmp_path: Path) -> Path:
    for name in ("engine", "widgets"):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("raise RuntimeError('the wrong room')\n")
    (tmp_path / "click.py").write_text("raise RuntimeError('the wrong click')\n")
    return tmp_path


@pytest.mark.parametrize("path", [None, "."])
def test_a_repository_with_the_same_names_does_not_shadow_ours(
    repository_of_the_same_names: Path, path: str | None
) -> None:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        env["PYTHONPATH"] = path
    for command in ([sys.executable, "-m", "aurora_tui"], [str(Path(sys.executable).with_name("aurora"))]):
        done = subprocess.run(
            [*command, "check"], cwd=repository_of_the_same_names, env=env, capture_output=True, text=True
        )
        assert "wrong room" not in done.stderr
        assert "Traceback" not in done.stderr
        assert done.returncode == 2
        assert "not a git repository" in done.stderr or "not in a git repository" in done.stderr, done.stderr


def test_the_first_frame_loads_no_pane_and_nothing_of_the_engine(tmp_path: Path) -> None:
    code = "import sys, aurora_tui.app; print(sorted(m for m in sys.modules if m.startswith(('widgets.', 'engine.'))))"
    assert python(code, cwd=tmp_path) == "['engine.errors', 'widgets.pane_layout']"
