"""Text of a `Snapshot`: pure functions from values to lines, for terminals, pipes and tests alike."""
