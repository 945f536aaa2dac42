"""Estimators (PURE): numpy in, numbers out. No database, no clock, no randomness: the same data give the same figures."""
