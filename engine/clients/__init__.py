"""The agent programs Aurora knows: how each is started, what it prints, and what is installed."""
