"""The SQL of identities: who owns which, and what was last said under an external id."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.leads.identities import Identity
from service.leads.privacy.suppression_store import held_by

_CLAIM = text(
    f"""WITH claim AS (
        SELECT kind, value, lead_id, said_at
        FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:leads AS uuid[]), CAST(:said AS timestamptz[]))
            AS claim (kind, value, lead_id, said_at)
    ), made AS (
        INSERT INTO identities (kind, value, lead_id, created_at, said_at)
        SELECT kind, value, lead_id, CAST(:now AS timestamptz), said_at FROM claim
        ORDER BY kind COLLATE "C", value COLLATE "C"
        ON CONFLICT (kind, value) DO NOTHING RETURNING kind, value
    )
    SELECT kind, value, NULL AS held_as, NULL AS reason FROM (
        SELECT kind, value FROM claim EXCEPT SELECT kind, value FROM made
    ) AS missed UNION ALL {held_by("claim")}"""
)
_OWNERS = text(
    """SELECT kind, value, lead_id FROM identities
    WHERE (kind, value) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])))"""
)
_REASSIGN = text(
    """UPDATE identities SET lead_id = claim.lead_id
    FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:leads AS uuid[])) AS claim (kind, value, lead_id)
    WHERE identities.kind = claim.kind AND identities.value = claim.value"""
)
_RELEASE = text(
    """DELETE FROM identities WHERE lead_id = :lead_id
    AND (kind, value) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])))"""
)


_SAID = text(
    """SELECT kind, value, said_at FROM identities
    WHERE (kind, value) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])))"""
)
_REMEMBER_SAID = text(
    """UPDATE identities SET said_at = word.said_at
    FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:said AS timestamptz[])) AS word (kind, value, said_at)
    WHERE identities.kind = word.kind AND identities.value = word.value"""
)


_OF_LEAD = text(
    """SELECT kind, value, created_at FROM identities
    WHERE lead_id = :lead_id ORDER BY kind COLLATE "C", value COLLATE "C" """
)


_RELEASE_CLAIMS = text(
    """DELETE FROM identities USING unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:leads AS uuid[]))
        AS claim (kind, value, lead_id)
    WHERE identities.kind = claim.kind AND identities.value = claim.value AND identities.lead_id = claim.lead_id"""
)


async def release_claims(connection: AsyncConnection, claims: Mapping[Identity, UUID]) -> None:
    """Let go of identities that this transaction claimed for leads that will not be made."""
    if claims:
        await connection.execute(_RELEASE_CLAIMS, _columns(claims))


_OF_LEADS = text("SELECT kind, value FROM identities WHERE lead_id = ANY(CAST(:ids AS uuid[]))")


async def identities_of_leads(connection: AsyncConnection, lead_ids: Collection[UUID]) -> set[Identity]:
    """Return all that leads are known by."""
    rows = await fetch(connection, _OF_LEADS, ids=sorted(lead_ids))
    return {Identity(row["kind"], row["value"]) for row in rows}


async def identities_owned(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return all a lead is known by, what its row does not show too: ``kind, value, created_at``."""
    return await fetch(connection, _OF_LEAD, lead_id=lead_id)


@dataclass(slots=True)
class Claimed:
    """What a claim came to: the identities that belong to others already, and those that are suppressed, as (what kind, why)."""

    owned: dict[Identity, UUID] = field(default_factory=dict)
    held: dict[Identity, set[tuple[str, str]]] = field(default_factory=dict)


async def claim_identities(
    connection: AsyncConnection,
    claims: Mapping[Identity, UUID],
    *,
    now: datetime,
    said: Mapping[Identity, datetime] | None = None,
) -> Claimed:
    """Claim identities for leads, and return which belong to others already and which are suppressed; those are claimed all the same.

    ``said`` is when the submissions were made that bring external ids.

    A claim waits for a transaction that claims the same identity to end; all transactions claim in one order, so none wait in a ring.
    """
    found = Claimed()
    open_claims = dict(claims)
    while open_claims:
        times = [said.get(identity) for identity in sorted(open_claims)] if said else [None] * len(open_claims)
        missed = []
        for row in await fetch(connection, _CLAIM, now=now, said=times, **_columns(open_claims)):
            identity = Identity(row["kind"], row["value"])
            if row["reason"] is None:
                missed.append(identity)
            else:
                found.held.setdefault(identity, set()).add((row["held_as"], row["reason"]))
        taken = await owners(connection, missed) if missed else {}
        # Whoever had it may have let go of it between the two statements: then it is claimed again.
        found.owned |= taken
        open_claims = {identity: open_claims[identity] for identity in missed if identity not in taken}
    return found


async def owners(connection: AsyncConnection, wanted: Collection[Identity]) -> dict[Identity, UUID]:
    """Return who owns identities; those that nobody owns are left out."""
    rows = await fetch(connection, _OWNERS, kinds=[i.kind for i in wanted], values=[i.value for i in wanted])
    return {Identity(row["kind"], row["value"]): row["lead_id"] for row in rows}


async def when_said(connection: AsyncConnection, wanted: Collection[Identity]) -> dict[Identity, datetime | None]:
    """Return of which time the versions of submissions are that leads have, by the external ids of these."""
    rows = await fetch(connection, _SAID, kinds=[i.kind for i in wanted], values=[i.value for i in wanted])
    return {Identity(row["kind"], row["value"]): row["said_at"] for row in rows}


async def remember_said(connection: AsyncConnection, said: Mapping[Identity, datetime]) -> None:
    """Write down of which time the versions of submissions are that leads have now."""
    ordered = sorted(said)
    await connection.execute(
        _REMEMBER_SAID,
        {
            "kinds": [identity.kind for identity in ordered],
            "values": [identity.value for identity in ordered],
            "said": [said[identity] for identity in ordered],
        },
    )


async def reassign_identities(connection: AsyncConnection, claims: Mapping[Identity, UUID]) -> None:
    """Give identities that this transaction claimed to other leads than it first thought."""
    if claims:
        await connection.execute(_REASSIGN, _columns(claims))


async def release_identities(connection: AsyncConnection, lead_id: UUID, released: Collection[Identity]) -> None:
    """Let go of identities a lead no longer has."""
    if released:
        await connection.execute(
            _RELEASE, {"lead_id": lead_id, "kinds": [i.kind for i in released], "values": [i.value for i in released]}
        )


def _columns(claims: Mapping[Identity, UUID]) -> dict[str, Any]:
    ordered = sorted(claims)
    return {
        "kinds": [identity.kind for identity in ordered],
        "values": [identity.value for identity in ordered],
        "leads": [claims[identity] for identity in ordered],
    }
