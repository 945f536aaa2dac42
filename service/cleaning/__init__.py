"""Cleaning: what came in, put right or put aside with a reason. Pure: no database, no clock, no network."""

from __future__ import annotations

from service.cleaning.normalising import normalise
from service.cleaning.submission import Cleaned, Fault, Submission, Verdict

__all__ = ["Cleaned", "Fault", "Submission", "Verdict", "normalise"]
