"""Nurture: what the service does of its own accord when something changed, or when a time has come."""
