"""The rules that `leads demo` writes, so that there is something to look at, and to change."""

from __future__ import annotations

from typing import Final

from service.nurture.scoring.rules import ScoringRules

SCORING_RULES: Final = ScoringRules.model_validate(
    {
        "fit": [
            {"key": "decides", "label": "Decides", "points": 10, "job_title": ["head", "director", "manager"]},
            {"key": "student", "label": "Is a student", "points": -15, "job_title": ["student"]},
            {
                "key": "size",
                "label": "Is of our size",
                "points": 5,
                "when": {"company_size": ["51-200", "201-1000", "1000+"]},
            },
        ],
        "engagement": [
            {"key": "demo", "label": "Asked for a demo", "kind": "demo.requested", "points": 30, "half_life_days": 30},
            {
                "key": "prices",
                "label": "Looked at prices",
                "kind": "page.visited",
                "data": {"url": "/pricing*"},
                "points": 8,
                "half_life_days": 21,
                "per_day": 1,
            },
            {
                "key": "jobs",
                "label": "Looks for a job",
                "kind": "page.visited",
                "data": {"url": "/jobs*"},
                "points": -10,
            },
            {
                "key": "webinar",
                "label": "Attended a webinar",
                "kind": "webinar.attended",
                "points": 12,
                "half_life_days": 45,
            },
            {"key": "downloads", "label": "Downloaded something", "kind": "content.downloaded", "points": 6},
            {"key": "clicks", "label": "Clicked a link", "kind": "email.clicked", "points": 5, "per_day": 1},
            {
                "key": "opens",
                "label": "Opened an e-mail",
                "kind": "email.opened",
                "points": 2,
                "per_day": 1,
                "at_most": 5,
            },
            {
                "key": "unsubscribed",
                "label": "Unsubscribed",
                "kind": "email.unsubscribed",
                "points": -20,
                "half_life_days": 90,
            },
            {
                "key": "unhappy",
                "label": "Is not content",
                "kind": ["survey.answered", "interview.held"],
                "rating_lte": 0.4,
                "points": -10,
                "half_life_days": 90,
            },
        ],
        "thresholds": [40],
    }
)
