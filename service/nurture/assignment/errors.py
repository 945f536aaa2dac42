"""What keeps a lead from being assigned, and what else can be wrong about assignments.

::

    Conflict
    ├── NobodyAvailable     nobody of those asked could take the lead: says why, for each
    ├── OwnerUnavailable    this one cannot: inactive, away, full
    ├── NoRuleApplies       no rule is for this lead
    ├── NotAssigned         nobody has the lead
    ├── AssignedElsewhere   somebody else has it by now
    └── TeamInUse           rules name the team
    NotFound
    ├── TeamNotFound
    └── PoolEmpty           no lead in the pool is for whoever asked
"""

from __future__ import annotations

from service.core.errors import Conflict, NotFound


class NobodyAvailable(Conflict):
    """Nobody of those who were asked could take the lead."""

    code = "nobody_available"


class OwnerUnavailable(Conflict):
    """Who was named cannot take another lead now."""

    code = "owner_unavailable"


class NoRuleApplies(Conflict):
    """No rule of assignment is for the lead."""

    code = "no_rule_applies"


class NotAssigned(Conflict):
    """Nobody has the lead."""

    code = "not_assigned"


class AssignedElsewhere(Conflict):
    """The lead is somebody else's by now."""

    code = "assigned_elsewhere"


class TeamInUse(Conflict):
    """Rules name the team."""

    code = "team_in_use"


class TeamNotFound(NotFound):
    """No team has this key."""

    code = "team_not_found"


class PoolEmpty(NotFound):
    """There is no lead in the pool for whoever asked."""

    code = "pool_empty"
