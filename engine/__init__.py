"""The engine: runs a plan's tasks in parallel on one git repository, without a terminal.

    from engine.handle import start_engine

See ARCHITECTURE.md for the rooms and the flow of one task through them.
"""
