"""Exports: all leads, transitions or journeys there are, or those of some leads, as one file of one instant."""
