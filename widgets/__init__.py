"""The panes: Textual widgets that draw `engine.model` values. Data in, intents out, no rules."""
