"""Who could have a lead, and who of them is to (PURE)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from service.nurture.assignment.picking import LEAD, Candidate, Method, Turn, attend, pick
from service.nurture.assignment.rules import Member, Rule, Teams

Lead = Mapping[str, Any]
_MOST_NAMED: Final = 20


@dataclass(slots=True)
class Found:
    """Who is to have a lead, by what, and why they."""

    owner: str
    method: str
    team: str | None = None
    rule: str | None = None
    version: int | None = None
    why: Mapping[str, Any] = field(default_factory=dict)
    accept_within: timedelta | None = None

    def columns(self) -> dict[str, Any]:
        """Return what of it is kept with the assignment."""
        names = ("owner", "method", "team", "rule", "version")
        return {name: getattr(self, name) for name in names} | {"why": dict(self.why)}


@dataclass(slots=True)
class Nobody:
    """Nobody could have a lead: what speaks against each, and the rule that asked."""

    passed_over: Mapping[str, str]
    rule: Rule | None = None

    @property
    def may_change(self) -> bool:
        """Whether it may be otherwise later: somebody was only full, or away."""
        return any(fault in {"full", "away"} for fault in self.passed_over.values())


class Chooser:
    """Teams with their turns and loads; each choice moves the turns and loads on, in memory."""

    def __init__(self, teams: Teams, *, now: datetime) -> None:
        self.now = now
        self.loads: dict[str, int] = {}
        self.companies: dict[str, str] = {}
        self._teams = teams.teams
        self._turns: dict[str, dict[str, Turn]] = {}
        self._moved: dict[tuple[str, str], Turn] = {}
        self._memberships: dict[str, list[Member]] = {}
        for team in self._teams.values():
            for member in team.members:
                self._memberships.setdefault(member.owner, []).append(member)

    def know_turns(self, teams: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in where people stand in the turns of teams: of all that may be asked."""
        self._turns |= {team: {} for team in teams}
        for row in rows:
            self._turns[row["team"]][row["owner"]] = Turn(**row)

    def members(self, team: str) -> Sequence[Member]:
        """Return who is in a team; nobody is in one that does not exist."""
        found = self._teams.get(team)
        return found.members if found else ()

    def is_in_a_team(self, owner: str) -> bool:
        """Say whether an owner is in any team."""
        return owner in self._memberships

    def fault_of(self, owner: str) -> str | None:
        """Return why somebody cannot have another lead, whatever the team: ``inactive``, ``away``, ``full``; None: they can.

        Of somebody who is in no team nothing is known that speaks against it.
        """
        theirs = self._memberships.get(owner, [])
        active = [member for member in theirs if member.active]
        if theirs and not active:
            return "inactive"
        if theirs and not any(member.is_there(self.now) for member in active):
            return "away"
        return "full" if any(self._is_full(member) for member in active) else None

    def by_rule(self, lead: Lead, rule: Rule, *, besides: Collection[str]) -> Found | Nobody:
        """Return who is to have a lead by a rule."""
        passed: dict[str, str] = {}
        found = self._sticky(lead, rule, besides, passed) or self._named(rule, besides, passed)
        for team in (rule.to.team, rule.fallback):
            if found is None and team is not None:
                found = self.by_team(lead, team, rule.method, besides=besides, passed=passed)
        if found is None:
            return Nobody(passed, rule)
        found.rule, found.accept_within = rule.key, rule.accept_within
        if passed:
            found.why = {**found.why, "passed_over": dict(list(passed.items())[:_MOST_NAMED])}
        return found

    def by_team(
        self, lead: Lead, team: str, method: Method, *, besides: Collection[str], passed: dict[str, str]
    ) -> Found | None:
        """Return whose turn it is in a team, or None; ``passed`` gets to know what speaks against the others."""
        members = self.members(team)
        turns = self._turns[team]
        if lead["test"]:
            # Nobody loses a turn by it.
            turns = {owner: replace(turn) for owner, turn in turns.items()}
        present = {member.owner for member in members if member.is_there(self.now)}
        moved = attend(turns, team=team, present=present, loads=self.loads)
        candidates = []
        for member in members:
            fault = "declined" if member.owner in besides else self._fault_for(member, lead)
            if fault is None:
                candidates.append(Candidate(member.owner, member.weight, self.loads.get(member.owner, 0)))
            else:
                passed[member.owner] = fault
        found = None
        if candidates:
            owner = pick(turns, candidates, method=method, now=self.now)
            moved += [turns[one.owner] for one in candidates]
            # What they had earned by then, this lead's share included.
            due = round(1 + turns[owner].credit / LEAD, 3)
            why = {"candidates": len(candidates), "load": self.loads.get(owner, 0), "due": due}
            found = Found(owner=owner, method=method, team=team, why=why)
        if not lead["test"]:
            self._moved |= {(turn.team, turn.owner): turn for turn in moved}
        return found

    def _fault_for(self, member: Member, lead: Lead) -> str | None:
        if not member.active:
            return "inactive"
        if not member.is_there(self.now):
            return "away"
        if not member.covers(country=lead["country"], region=lead["region"], industry=lead["industry"]):
            return "elsewhere"
        return "full" if self._is_full(member) else None

    def _is_full(self, member: Member) -> bool:
        return member.capacity is not None and self.loads.get(member.owner, 0) >= member.capacity

    def _sticky(self, lead: Lead, rule: Rule, besides: Collection[str], passed: dict[str, str]) -> Found | None:
        owner = self.companies.get(lead["company_domain"]) if rule.sticky_to_company else None
        if owner is None or lead["test"]:
            return None
        fault = "declined" if owner in besides else self.fault_of(owner)
        if fault is None and self.is_in_a_team(owner):
            team = next(
                (key for key, team in self._teams.items() if any(one.owner == owner for one in team.members)), None
            )
            in_asked = rule.to.team is not None and any(one.owner == owner for one in self.members(rule.to.team))
            return Found(owner=owner, method="sticky", team=rule.to.team if in_asked else team)
        passed[owner] = fault or "in_no_team"
        return None

    def _named(self, rule: Rule, besides: Collection[str], passed: dict[str, str]) -> Found | None:
        owner = rule.to.owner
        if owner is None:
            return None
        fault = "declined" if owner in besides else self.fault_of(owner)
        if fault is None:
            return Found(owner=owner, method="owner")
        passed[owner] = fault
        return None

    def settle(self, lead: Lead, owner: str) -> None:
        """Count a lead for its new owner, and let other leads of its company know."""
        if lead["test"]:
            return
        self.loads[owner] = self.loads.get(owner, 0) + 1
        if lead["company_domain"]:
            self.companies.setdefault(lead["company_domain"], owner)

    def unburden(self, owner: str) -> None:
        """Count a lead less for an owner whose load is known."""
        if owner in self.loads:
            self.loads[owner] -= 1

    def changed_turns(self) -> list[dict[str, Any]]:
        """Return the turns that were moved on, as rows."""
        return [asdict(turn) for _, turn in sorted(self._moved.items())]
