"""Deadlines: the time that is allowed for a first response, or to move on from a stage, and what became of it."""
