"""Weaving: the ledgers of two leads that are one person, by time, into one that the machine allows.

Of all the ways to leave steps out so that the rest is legal, the best one is found by looking at every step once and remembering, for
each stage the lead could be in after it, the best way to be there. What is left out is not lost: it is set aside, and why.

Two pairs of events are the same fact told from two places: who comes back after a churn was *acquired* by a system that did not know
them, and whoever buys again *qualified* in a system that had not seen the first win. They are told again as the ledger has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from service.lifecycle.ledger import Step
from service.lifecycle.machine import MOVES, STARTS_JOURNEY, Event
from service.lifecycle.stages import Stage, funnel_rank, is_in_funnel

Why = Literal["repeated", "impossible", "of_one_record", "outweighed"]
"""Why a step was set aside.

``repeated``: the lead was there already, or further. ``impossible``: the stage the lead was in has no such event. ``of_one_record``: it
ended a record that others had not to do with (spam, a duplicate; or a loss while the person is a customer). ``outweighed``: legal there,
but more would have had to go for it.
"""

_DISQUALIFIED: Final = "disqualified"
_CAME: Final = frozenset({Event.ACQUIRE, Event.REACTIVATE})
_CHANCE: Final = frozenset({Event.QUALIFY, Event.REPURCHASE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A step with where it comes from. ``source`` is what knows it again, ``origin`` the lead that brought it, ``row`` whatever goes along.

    ``among``: the leads it was said of, those that were one when it was recorded. ``from_stage``: where it left from in its own ledger.
    ``channel`` and ``campaign``: those of its own journey. ``is_own``: of the lead that survives. ``was_kept``: not set aside before.
    """

    step: Step
    source: UUID
    origin: UUID
    among: frozenset[UUID]
    from_stage: str | None
    channel: str | None = None
    campaign: str | None = None
    is_own: bool = True
    was_kept: bool = True
    row: Any = None

    @property
    def at(self) -> datetime:
        """When it happened; what is recorded always has a time."""
        assert self.step.occurred_at is not None
        return self.step.occurred_at


class Kept(NamedTuple):
    """A piece in the woven ledger, and its step as the ledger tells it."""

    piece: Piece
    step: Step


class SetAside(NamedTuple):
    """A piece that is not in the woven ledger: why, and the stage the lead was in at its time."""

    piece: Piece
    why: Why
    stage: str | None


@dataclass(slots=True)
class Woven:
    """A legal ledger, in order, and what did not fit into it."""

    kept: list[Kept] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


class _Weight(NamedTuple):
    """What a way is worth: the first number that differs decides.

    A win is given up for nothing else. Of ways that keep as much, the one whose steps are the earlier is right: somebody is cleaned
    when they are cleaned first.
    """

    wins: int = 0
    kept_before: int = 0
    kept: int = 0
    earliness: int = 0
    own: int = 0
    as_told: int = 0

    def plus(self, piece: Piece, told: Event, place: int) -> _Weight:
        return _Weight(
            self.wins + (told == Event.WIN),
            self.kept_before + piece.was_kept,
            self.kept + 1,
            self.earliness - place,
            self.own + piece.is_own,
            self.as_told + (told == piece.step.event),
        )


class _Standing(NamedTuple):
    """All that the next step's legality depends on.

    ``foreign`` has a bit for each group of leads that a judgement was said of: whether a lead outside of it has a part in the journey.
    """

    stage: Stage | None
    foreign: int


class _Way(NamedTuple):
    """The best way to be somewhere: what it is worth, and its last step."""

    weight: _Weight
    before: _Way | None = None
    place: int = -1
    told: Event | None = None


def weave(strands: Sequence[Sequence[Piece]]) -> Woven:
    """Weave strands, each in its own order, into one legal ledger; of two at the same time, the one of the earlier strand comes first.

    One legal ledger alone comes out unchanged.
    """
    pieces = list(merge(*strands, key=lambda piece: piece.at))
    judged = _Judgements(strands)
    ways: dict[_Standing, _Way] = {_Standing(None, 0): _Way(_Weight())}
    for place, piece in enumerate(pieces):
        reached: dict[_Standing, _Way] = {}
        for standing, way in ways.items():
            _reach(reached, _passed(standing, piece, judged), way)
            told = _told(piece, standing, judged)
            if told is not None:
                further = _Way(way.weight.plus(piece, told, place), way, place, told)
                _reach(reached, _moved(standing, piece, told, judged), further)
        ways = reached
    return _unrolled(max(ways.values(), key=lambda way: way.weight), pieces, judged)


class _Judgements:
    """The churns by which leads ended as spam, a test, a duplicate: each was said of some leads, and ends no journey of others.

    One that its lead came back from is history: later steps stand on it. Leads that all ended so are judged together.
    """

    def __init__(self, strands: Sequence[Sequence[Piece]]) -> None:
        ends = [next((piece for piece in reversed(strand) if piece.was_kept), None) for strand in strands]
        last = [piece for piece in ends if piece and _is_judgement(piece)]
        set_aside = [piece for strand in strands for piece in strand if not piece.was_kept and _is_judgement(piece)]
        together = frozenset[UUID]().union(*(piece.among for piece in last))
        said_of = {piece.source: piece.among | together for piece in (*last, *set_aside)}
        groups = list(dict.fromkeys(said_of.values()))
        self._groups = groups
        self._bits = {source: 1 << groups.index(leads) for source, leads in said_of.items()}

    def foreign(self, piece: Piece) -> int:
        """Return the bits of the groups that a piece's lead does not belong to."""
        return sum(1 << bit for bit, leads in enumerate(self._groups) if piece.origin not in leads)

    def forbid(self, piece: Piece, standing: _Standing) -> bool:
        """Say whether a piece is a judgement on other leads than those whose journey it would end."""
        return bool(standing.foreign & self._bits.get(piece.source, 0))


def _is_judgement(piece: Piece) -> bool:
    return piece.step.event == Event.CHURN and piece.step.category == _DISQUALIFIED


def _reach(reached: dict[_Standing, _Way], standing: _Standing, way: _Way) -> None:
    if standing not in reached or way.weight > reached[standing].weight:
        reached[standing] = way


def _told(piece: Piece, standing: _Standing, judged: _Judgements) -> Event | None:
    """Return as which event a piece is legal here, or None."""
    told = _retold(piece.step.event, standing.stage)
    if (standing.stage, told) not in MOVES or _is_of_one_record(piece, standing, judged):
        return None
    return told


def _retold(event: Event, stage: Stage | None) -> Event:
    if event in _CAME:
        return Event.ACQUIRE if stage is None else Event.REACTIVATE
    if event in _CHANCE:
        return Event.REPURCHASE if stage == Stage.WON else Event.QUALIFY
    return event


def _is_of_one_record(piece: Piece, standing: _Standing, judged: _Judgements) -> bool:
    if piece.step.event != Event.CHURN:
        return False
    if standing.stage == Stage.WON and piece.from_stage != Stage.WON:
        return True
    return judged.forbid(piece, standing)


def _passed(standing: _Standing, piece: Piece, judged: _Judgements) -> _Standing:
    """Return where the lead stands when a piece is left out: what only repeats where it is has a part in the journey as well."""
    if piece.step.event == Event.CHURN or not _is_there(piece.step.event, standing.stage):
        return standing
    return _Standing(standing.stage, standing.foreign | judged.foreign(piece))


def _moved(standing: _Standing, piece: Piece, told: Event, judged: _Judgements) -> _Standing:
    foreign = judged.foreign(piece)
    if told not in STARTS_JOURNEY:
        foreign |= standing.foreign
    return _Standing(MOVES[standing.stage, told].target, foreign)


def _unrolled(best: _Way, pieces: Sequence[Piece], judged: _Judgements) -> Woven:
    chosen: dict[int, Event] = {}
    way: _Way | None = best
    while way is not None and way.told is not None:
        chosen[way.place] = way.told
        way = way.before
    woven, standing = Woven(), _Standing(None, 0)
    for index, piece in enumerate(pieces):
        if index in chosen:
            woven.kept.append(Kept(piece, _step_as(chosen[index], piece)))
            standing = _moved(standing, piece, chosen[index], judged)
        else:
            woven.set_aside.append(SetAside(piece, _why(piece, standing, judged), standing.stage))
            standing = _passed(standing, piece, judged)
    return woven


def _step_as(told: Event, piece: Piece) -> Step:
    starts = told in STARTS_JOURNEY
    return replace(
        piece.step,
        event=told,
        allow_skip=True,
        channel=piece.channel if starts else None,
        campaign=piece.campaign if starts else None,
    )


def _why(piece: Piece, standing: _Standing, judged: _Judgements) -> Why:
    if _told(piece, standing, judged) is not None:
        return "outweighed"
    if _is_of_one_record(piece, standing, judged):
        return "of_one_record"
    return "repeated" if _is_there(piece.step.event, standing.stage) else "impossible"


def _is_there(event: Event, stage: Stage | None) -> bool:
    """Say whether a lead in a stage has already come where an event leads."""
    if stage is None:
        return False
    if event in _CAME:
        return stage != Stage.CHURNED
    target = next(move.target for (_, one), move in MOVES.items() if one == event)
    if target == Stage.CHURNED:
        return stage == Stage.CHURNED
    return event != Event.RECYCLE and is_in_funnel(stage) and funnel_rank(target) <= funnel_rank(stage)
