"""The profile of those who are won on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from service.stats.schemas.scope import DefinitionOut, Out, RateOut, ScopeQuery


class ProfileQuery(ScopeQuery, BaseModel):
    """`GET /v1/stats/profile`."""

    by: Annotated[
        list[str],
        Field(
            max_length=50,
            description="Dimensions, repeated or separated by commas. Absent: industry, company_size, country, region, channel, and "
            "every custom attribute that is defined as a choice or a boolean",
        ),
    ] = []
    values: Annotated[
        int,
        Field(
            ge=1, le=500, description="Hold only so many values of each dimension against the rest: the most frequent"
        ),
    ] = 100


class BoundsOut(Out):
    """A figure with its 95 % bounds; null where it cannot be said."""

    value: float | None
    low: float | None
    high: float | None


class ProfileLineOut(Out):
    """One value of one dimension against all journeys without it; ``value`` null: those that have none.

    ``lift`` is its rate / the rest's, ``difference`` its rate - the rest's. ``wins_more`` is true or false where the difference is more
    than noise among so many comparisons, and null where that cannot be said.
    """

    dimension: str
    value: str | None
    journeys: int
    wins: int
    rate: RateOut
    rest: RateOut
    lift: BoundsOut
    difference: BoundsOut
    p_value: float | None
    corrected_p_value: float | None
    wins_more: bool | None
    insufficient_data: Annotated[
        bool,
        Field(
            description="Fewer than 30 journeys, or five expected wins or non-wins, on either side: not judged at all"
        ),
    ]
    leads: str
    won_leads: str


class ProfileTotalsOut(Out):
    """All journeys, and those of them that were won."""

    journeys: int
    wins: int
    leads: str
    won_leads: str


class ProfileDefinitionOut(DefinitionOut):
    """What was counted, by which dimensions, and how many values of each."""

    by: list[str]
    values: int


class ProfileOut(Out):
    """Which values win more than the rest; ``left_out``: how many rarer values of a dimension were not looked at."""

    definition: ProfileDefinitionOut
    groups: list[ProfileLineOut]
    totals: ProfileTotalsOut
    left_out: dict[str, int]
