"""The SQL of `leads verify`: set-based checks, and the ledgers in order for the replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

CHECKS: Final[tuple[tuple[str, TextClause], ...]] = (
    (
        "a transition has no event, or more than one, in the outbox",
        text(
            """SELECT t.lead_id, count(o.id) AS events, t.id AS transition_id FROM transitions t
            LEFT JOIN outbox o ON o.lead_id = t.lead_id AND o.transition_id = t.id
            GROUP BY t.lead_id, t.id HAVING count(o.id) <> 1 LIMIT :most"""
        ),
    ),
    (
        "an event tells of a transition that is not in the ledger",
        text(
            """SELECT o.lead_id, o.id AS event_id FROM outbox o WHERE o.transition_id IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM transitions t WHERE t.lead_id = o.lead_id AND t.id = o.transition_id) LIMIT :most"""
        ),
    ),
    (
        "a lead's version is not the number of its events, or its events have a gap",
        text(
            """SELECT l.id AS lead_id, l.version, count(o.id) AS events, max(o.sequence) AS last FROM leads l
            LEFT JOIN outbox o ON o.lead_id = l.id GROUP BY l.id, l.version
            HAVING count(o.id) <> l.version OR coalesce(max(o.sequence), 0) <> l.version
                OR count(DISTINCT o.sequence) <> l.version LIMIT :most"""
        ),
    ),
    (
        "a lead's e-mail, phone or external id is not the lead's own in the table of identities",
        text(
            """SELECT l.id AS lead_id, claimed.kind FROM leads l
            CROSS JOIN LATERAL (VALUES ('email', l.email), ('phone', l.phone) UNION ALL
                SELECT 'external:' || system, value FROM jsonb_each_text(l.external_ids) AS own (system, value)) AS claimed (kind, value)
            LEFT JOIN identities i ON i.kind = claimed.kind AND i.value = claimed.value
            WHERE claimed.value IS NOT NULL AND i.lead_id IS DISTINCT FROM l.id
                AND l.merged_into IS NULL AND l.erased_at IS NULL LIMIT :most"""
        ),
    ),
    (
        "an identity belongs to no lead, or to one that was merged or erased",
        text(
            """SELECT i.lead_id, i.kind FROM identities i LEFT JOIN leads l ON l.id = i.lead_id
            WHERE l.id IS NULL OR l.merged_into IS NOT NULL OR l.erased_at IS NOT NULL LIMIT :most"""
        ),
    ),
    (
        "a lead says of a consent what nobody is on record to have said",
        text(
            """SELECT l.id AS lead_id FROM leads l CROSS JOIN LATERAL jsonb_object_keys(l.consent) AS said (purpose)
            WHERE l.merged_into IS NULL AND l.erased_at IS NULL AND NOT EXISTS
            (SELECT 1 FROM consents c WHERE c.lead_id = l.id AND c.purpose = said.purpose) LIMIT :most"""
        ),
    ),
    (
        "a lead has no touchpoint",
        text(
            """SELECT l.id AS lead_id FROM leads l WHERE l.merged_into IS NULL AND NOT EXISTS
            (SELECT 1 FROM touchpoints t WHERE t.lead_id = l.id) LIMIT :most"""
        ),
    ),
    (
        "a merged lead still has a ledger, a journey that counts, or a touchpoint, an activity or a consent of its own",
        text(
            """SELECT l.id AS lead_id FROM leads l WHERE l.merged_into IS NOT NULL AND (
            EXISTS (SELECT 1 FROM transitions WHERE lead_id = l.id AND superseded_at IS NULL)
            OR EXISTS (SELECT 1 FROM journeys WHERE lead_id = l.id AND counted)
            OR EXISTS (SELECT 1 FROM touchpoints WHERE lead_id = l.id)
            OR EXISTS (SELECT 1 FROM activities WHERE lead_id = l.id)
            OR EXISTS (SELECT 1 FROM consents WHERE lead_id = l.id)) LIMIT :most"""
        ),
    ),
    (
        "a merged lead does not live on in the lead that the merge names, or a merge that holds names a lead that was not merged",
        text(
            """SELECT coalesce(l.id, m.duplicate_id) AS lead_id FROM leads l
            FULL JOIN (SELECT * FROM merges WHERE undone_at IS NULL) m ON m.duplicate_id = l.id
            WHERE (l.merged_into IS NOT NULL OR m.id IS NOT NULL) AND l.merged_into IS DISTINCT FROM m.lead_id LIMIT :most"""
        ),
    ),
    (
        "a lead was merged into itself, through however many others",
        text(
            """WITH RECURSIVE way (lead_id, id) AS (
                SELECT id, merged_into FROM leads WHERE merged_into IS NOT NULL
                UNION SELECT way.lead_id, leads.merged_into FROM way JOIN leads ON leads.id = way.id
                WHERE leads.merged_into IS NOT NULL)
            SELECT lead_id FROM way WHERE id = lead_id LIMIT :most"""
        ),
    ),
    (
        "a step in the ledger, or one set aside, was brought by a lead that is not merged into this one",
        text(
            """WITH RECURSIVE member (lead_id, id) AS (
                SELECT merged_into, id FROM leads WHERE merged_into IS NOT NULL
                UNION SELECT leads.merged_into, member.id FROM member JOIN leads ON leads.id = member.lead_id
                WHERE leads.merged_into IS NOT NULL)
            SELECT brought.lead_id, brought.origin FROM (
                SELECT lead_id, origin FROM transitions WHERE origin IS NOT NULL AND superseded_at IS NULL
                UNION SELECT lead_id, origin FROM set_aside WHERE origin IS NOT NULL) AS brought
            WHERE NOT EXISTS (SELECT 1 FROM member WHERE member.lead_id = brought.lead_id AND member.id = brought.origin)
            LIMIT :most"""
        ),
    ),
    (
        "a step is set aside and in the ledger as well",
        text(
            """SELECT a.lead_id, a.source FROM set_aside a JOIN transitions t ON t.lead_id = a.lead_id
            AND coalesce(t.source, t.id) = a.source AND t.superseded_at IS NULL LIMIT :most"""
        ),
    ),
    (
        "a merge does not hold every step of both ledgers",
        text(
            """SELECT m.lead_id, m.id AS merge_id, count(*) AS lost FROM merges m
            JOIN leads l ON l.id = m.lead_id AND l.merged_into IS NULL
            JOIN transitions t ON t.lead_id = m.duplicate_id AND t.superseded_by = m.id
            WHERE m.undone_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM transitions held WHERE held.lead_id = m.lead_id
                AND coalesce(held.source, held.id) = coalesce(t.source, t.id))
            AND NOT EXISTS (SELECT 1 FROM set_aside held WHERE held.lead_id = m.lead_id
                AND held.source = coalesce(t.source, t.id))
            GROUP BY m.lead_id, m.id LIMIT :most"""
        ),
    ),
    (
        "a touchpoint or an activity is in a journey that the lead does not have",
        text(
            """SELECT done.lead_id, done.journey FROM (SELECT lead_id, journey FROM touchpoints WHERE journey > 0
                UNION ALL SELECT lead_id, journey FROM activities) AS done
            LEFT JOIN journeys j ON j.lead_id = done.lead_id AND j.number = done.journey
            WHERE j.lead_id IS NULL LIMIT :most"""
        ),
    ),
    (
        "a delivery was processed, but a lead it names does not exist",
        text(
            """SELECT named.lead_id, d.id AS delivery_id FROM deliveries d CROSS JOIN LATERAL unnest(d.lead_ids) AS named (lead_id)
            WHERE NOT EXISTS (SELECT 1 FROM leads l WHERE l.id = named.lead_id) LIMIT :most"""
        ),
    ),
)
"""What must never be found: a sentence, and the statement that finds it."""

_LEDGERS: Final = text("SELECT * FROM transitions WHERE superseded_at IS NULL ORDER BY lead_id, sequence")
_LEADS: Final = text("SELECT * FROM leads ORDER BY id")
_JOURNEYS: Final = text("SELECT * FROM journeys ORDER BY lead_id, number")


async def run_check(connection: AsyncConnection, check: TextClause, *, most: int) -> list[dict[str, Any]]:
    """Return up to ``most`` rows that should not be there."""
    return [dict(row) for row in (await connection.execute(check, {"most": most})).mappings()]


async def stream(connection: AsyncConnection, what: str) -> AsyncIterator[dict[str, Any]]:
    """Yield all ledgers' rows, leads or journeys in the order of lead ids, a thousand at a time in memory."""
    statement = {"ledgers": _LEDGERS, "leads": _LEADS, "journeys": _JOURNEYS}[what]
    result = await connection.stream(statement, execution_options={"yield_per": 1000})
    async for row in result.mappings():
        yield dict(row)
