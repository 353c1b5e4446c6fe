"""The command line: one file per family of commands. Each command imports what it needs when it runs."""
