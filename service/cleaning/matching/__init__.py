"""Matching: who may be the same person, and what speaks for it. Pure: keys that bring two leads together, and the comparison of the two."""

from __future__ import annotations

from service.cleaning.matching.comparing import Comparison, Evidence, compare
from service.cleaning.matching.keys import is_common, keys_of
from service.cleaning.matching.population import Population
from service.cleaning.matching.profile import Profile, profile_of

__all__ = ["Comparison", "Evidence", "Population", "Profile", "compare", "is_common", "keys_of", "profile_of"]
