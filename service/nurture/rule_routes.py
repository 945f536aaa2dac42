"""Sets of rules over HTTP: read, replaced as a whole, and every version there ever was; the same for each set."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import create_model
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.etags import IfMatch, strong
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.nurture import rules
from service.nurture.rules import Model, RuleSet
from service.nurture.schemas import Versioned

Check = Callable[[AsyncConnection, Any], Awaitable[None]]


async def _anything_goes(_connection: AsyncConnection, _rules: Any) -> None:
    """For rules that name nothing that could be missing."""


def rule_routes(
    rule_set: RuleSet[Model], *, noun: str, tag: str, description: str, check: Check = _anything_goes
) -> APIRouter:
    """Return the routes of a set of rules under its name: ``scoring-rules`` is at ``/v1/scoring-rules``.

    ``noun`` is what the documentation calls it, in the plural; ``check`` raises `Invalid` for rules that name what does not exist.
    """
    router = APIRouter(prefix=f"/v1/{rule_set.name}", route_class=ServiceRoute, tags=[tag])
    name = rule_set.name.replace("-", "_")
    out = create_model(f"{rule_set.model.__name__}Out", __base__=(Versioned, rule_set.model))
    listed = {"list": rule_set.name}

    @router.get(
        "",
        operation_id=f"read_{name}",
        summary=f"Read the {noun}",
        description=description,
        response_model=out,
        dependencies=[require("leads:read")],
    )
    async def read(connection: ReadConnection) -> Response:
        return _answer(await rules.show_rules(connection, rule_set))

    async def replace(
        body: Model, connection: Connection, caller: Annotated[Caller, require("admin")], precondition: IfMatch
    ) -> Response:
        await check(connection, body)
        actor = f"key:{caller.name}"
        written = await rules.replace_rules(
            connection, rule_set, body, precondition=precondition, actor=actor, now=clock.now()
        )
        return _answer(written)

    replace.__annotations__["body"] = rule_set.model
    router.put(
        "",
        operation_id=f"replace_{name}",
        summary=f"Replace the {noun}",
        description="As a whole: what is not sent is gone. The next version holds from now on; what was done under "
        "an earlier one names that, and every version can be read.",
        response_model=out,
    )(replace)

    @router.get(
        "/versions",
        operation_id=f"list_{name}_versions",
        summary=f"List the versions of the {noun}",
        description="The newest first.",
        response_model=Page[out],
        dependencies=[require("leads:read")],
    )
    async def versions(request: Request, response: Response, connection: ReadConnection, paging: Paging) -> Response:
        after = paging.after(listed, int)
        found = await rules.list_versions(
            connection, rule_set, before=after[0] if after else None, limit=paging.limit + 1
        )
        page = paginate(
            found, request=request, response=response, paging=paging, filters=listed, key=lambda one: [one["version"]]
        )
        link = response.headers.get("Link")
        return json_answer(page, headers={"Link": link} if link else None)

    return router


def _answer(shown: dict[str, Any]) -> Response:
    return json_answer(shown, headers={"ETag": strong(shown["version"])})
