"""The themes: dark, light, and one of the terminal's own 16 colours."""

from __future__ import annotations

from textual.theme import Theme

from aurora_tui.terminal import DARK, LIGHT, SIXTEEN

THEMES = (
    Theme(
        name=DARK,
        primary="#4fd6be",
        secondary="#82aaff",
        accent="#c099ff",
        success="#7fd98a",
        warning="#ffc777",
        error="#ff757f",
        foreground="#c8d3f5",
        background="#0e1018",
        surface="#11141f",
        panel="#1a1f30",
        dark=True,
    ),
    Theme(
        name=LIGHT,
        primary="#0b7a6b",
        secondary="#2f5fd0",
        accent="#7a3ec8",
        success="#2b7a2f",
        warning="#9a6200",
        error="#c02638",
        foreground="#22283a",
        background="#f4f5fa",
        surface="#fbfbfe",
        panel="#e4e7f1",
        dark=False,
    ),
    Theme(
        name=SIXTEEN,
        primary="ansi_cyan",
        secondary="ansi_blue",
        accent="ansi_magenta",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        ansi=True,
        variables={
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "border-blurred": "ansi_bright_black",
            "block-cursor-foreground": "ansi_black",
            "block-cursor-background": "ansi_white",
            "input-cursor-background": "ansi_white",
            "input-cursor-foreground": "ansi_black",
            "input-cursor-text-style": "none",
            "input-selection-background": "ansi_bright_blue",
            "input-selection-foreground": "ansi_black",
            "screen-selection-background": "ansi_bright_blue",
            "screen-selection-foreground": "ansi_black",
        },
    ),
)
NAMES = tuple(theme.name for theme in THEMES)
