"""Where nobody told a budget, the view of spending has none, instead of one of nothing."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_untold_budgets"
down_revision = "2026_11_22_loose"
branch_labels = None
depends_on = None

_BUDGET = "sum(budget / (period_end - period_start + 1))"


def upgrade() -> None:
    _view(_BUDGET)


def downgrade() -> None:
    _view(f"coalesce({_BUDGET}, 0)")


def _view(budget: str) -> None:
    op.execute(f"""
        CREATE OR REPLACE VIEW reporting.spend_daily AS
        SELECT period_start + after AS day, channel, campaign, currency, sum(amount / (period_end - period_start + 1)) AS spend,
            {budget} AS budget
        FROM public.spend CROSS JOIN LATERAL generate_series(0, period_end - period_start) AS after
        GROUP BY period_start + after, channel, campaign, currency
    """)
