"""`aurora`, and `python -m aurora_tui`."""

from __future__ import annotations

import sys

from aurora_tui.cli.errors import run_command_line


def main() -> None:
    """The console command."""
    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
