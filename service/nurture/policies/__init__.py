"""Policies: the routine moves of a lead, written as data, so that they need nobody."""
