"""The story of the demo: the same for the same seed, and nobody does anything before they came or after today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.cli.story import DAYS, tales
from service.nurture.activities.kinds import BY_NAME

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_same_seed_tells_the_same_story() -> None:
    one, again, other = (list(tales(60, seed=seed, until=UNTIL)) for seed in (7, 7, 8))
    assert one == again
    assert one != other


def test_everybody_lives_between_their_first_day_and_today() -> None:
    kinds = set()
    for tale in tales(300, seed=7, until=UNTIL):
        start = tale.submission.occurred_at
        assert start is not None
        assert UNTIL - timedelta(days=DAYS) <= start < UNTIL
        times = [deed.at for deed in tale.deeds]
        assert times == sorted(times)
        assert all(start < at < UNTIL for at in times)
        kinds |= {deed.kind for deed in tale.deeds}
        assert all(bool(deed.rating) == BY_NAME[deed.kind].rated for deed in tale.deeds)
    assert {"email.opened", "demo.requested", "call.made", "survey.answered"} <= kinds <= BY_NAME.keys()
