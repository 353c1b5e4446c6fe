"""What an agent says it has used: `{"usd": 0.12, "tokens": 3400}` in the file AURORA_USAGE_FILE names."""

from __future__ import annotations

import json
from pathlib import Path


def usage_file_of(prompt_file: Path) -> Path:
    """Where the agent that got this prompt says what it used."""
    return prompt_file.with_suffix(".usage")


def read_usage(path: Path) -> tuple[float, int]:
    """Dollars and tokens; zeros where nothing was said, or nothing that can be read."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return float(said.get("usd", 0.0)), int(said.get("tokens", 0))
    except (OSError, ValueError, AttributeError, TypeError):
        return 0.0, 0
