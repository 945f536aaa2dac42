"""What goes in over HTTP for a channel's rules of cleaning."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.cleaning.domains import ascii_domain
from service.cleaning.rules import RULED


def _reason(code: str) -> str:
    if code not in RULED:
        raise ValueError(f"Not a reason that rules can be about. These are: {', '.join(RULED)}")
    return code


Reason = Annotated[str, AfterValidator(_reason), Field(json_schema_extra={"enum": list(RULED)})]
Domain = Annotated[str, StringConstraints(strip_whitespace=True, max_length=253), AfterValidator(ascii_domain)]
Trap = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class CleaningRules(BaseModel):
    """What the reasons that cleaning finds lead to, where the default is not meant; each reason in one of the lists at most."""

    model_config = ConfigDict(extra="forbid")

    reject: Annotated[
        list[Reason] | None,
        Field(max_length=50, description="Make a lead invalid: disqualified, if `auto_clean` is on"),
    ] = None
    suspect: Annotated[list[Reason] | None, Field(max_length=50, description="Leave a lead for a person to decide")] = (
        None
    )
    accept: Annotated[list[Reason] | None, Field(max_length=50, description="Are told, and lead to nothing")] = None
    blocked_domains: Annotated[
        list[Domain] | None,
        Field(max_length=1000, description="Of mailboxes and companies, with all below them: reason `blocked_domain`"),
    ] = None
    honeypots: Annotated[
        list[Trap] | None,
        Field(max_length=50, description="Fields of the form that people do not see: reason `honeypot` if filled in"),
    ] = None

    @model_validator(mode="after")
    def _say_it_once(self) -> Self:
        named = [code for codes in (self.reject, self.suspect, self.accept) for code in codes or ()]
        if twice := sorted({code for code in named if named.count(code) > 1}):
            raise ValueError(f"Named twice: {', '.join(twice)}")
        return self
