"""What goes in and out over HTTP, for spending."""

from __future__ import annotations

import calendar
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Money = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=4, examples=["1250.00"]), AfterValidator(abs)]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9000, 1, 1))]


class SpendPut(BaseModel):
    """What a channel or a campaign cost in a period: a month (``period``), or the days from ``period_start`` to ``period_end``, both included."""

    model_config = ConfigDict(extra="forbid")

    channel: Name | None = None
    campaign: Name | None = None
    period: Annotated[str, StringConstraints(pattern=r"^(19|20|21)\d\d-(0[1-9]|1[0-2])$")] | None = None
    period_start: Day | None = None
    period_end: Day | None = None
    amount: Money
    budget: Money | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217")]

    @model_validator(mode="after")
    def _has_one_period(self) -> Self:
        if (self.period is None) == (self.period_start is None):
            raise ValueError("say the period as a month (period) or by period_start, and not both")
        if self.period is not None:
            if self.period_end is not None:
                raise ValueError("a month needs no period_end")
            year, month = map(int, self.period.split("-"))
            self.period_start, self.period_end = (
                date(year, month, 1),
                date(year, month, calendar.monthrange(year, month)[1]),
            )
        self.period_end = self.period_end or self.period_start
        if self.period_start is not None and self.period_end is not None and self.period_start > self.period_end:
            raise ValueError("the period ends before it begins")
        return self


class SpendOut(BaseModel):
    """An amount; ``period_end`` is the last day of the period."""

    id: UUID
    channel: str | None
    campaign: str | None
    period_start: date
    period_end: date
    amount: str
    budget: str | None
    currency: str
    actor: str
    created_at: datetime
    updated_at: datetime
