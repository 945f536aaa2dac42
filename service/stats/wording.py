"""What an answer says about itself, in words (PURE)."""

from __future__ import annotations

from datetime import timedelta

from service.stats.calendars import Interval
from service.stats.question import JOURNEY_DIMENSIONS, Question, duration, instant


def funnel_text(question: Question, horizon: timedelta | None = None) -> str:
    """Return the definition of a funnel in words."""
    strict = question.skips == "strict"
    if question.mode == "period":
        onward = "exits to the next stage" if strict else "exits to any later stage of the funnel"
        return (
            f"{_common(question)} opening + in - out = closing; opening and closing are who stood in the stage at the two ends. "
            f"step: {onward}, of all exits."
        )
    reached = (
        "entered the stage itself; a step over skips can then exceed 1 and has no bounds"
        if strict
        else "entered the stage or a later one, so that skipped stages count as reached"
    )
    return (
        f"{_common(question)} reached: {reached}. step: reached, of those that reached the stage before; overall: of all that started. "
        "skipped: of those reached, did not enter every stage on the way. open and churned: this is the furthest stage, and the journey "
        "has not or has churned; a won journey is not open. decided: won, of those won or churned; a win stays a win when the customer "
        "churns later. acquired stands for the entry, whichever it was: acquisition, reactivation or repurchase. Bounds: Wilson, 95 %. "
        "insufficient_data: fewer than 30 to divide by." + (_horizon(horizon) if horizon is not None else "")
    )


def _horizon(horizon: timedelta) -> str:
    return (
        f" adjusted: the share that comes to the stage within {duration(horizon)} of the start; journeys that are younger count for as "
        "long as they were watched, churn competes (Aalen and Johansen's estimator). A cohort is immature for a stage while less than 80 % "
        "of it is older than the time by which nine tenths of those came that came at all."
    )


def trend_text(question: Question, interval: Interval) -> str:
    """Return the definition of a trend in words."""
    counted = "how often each stage was entered" if question.mode == "period" else "how many came to each stage since"
    how = "" if question.mode == "period" else " (or beyond it)" if question.skips == "credit" else " (itself)"
    return f"{_common(question)} By {interval} of the calendar of {question.tz}: {counted}{how}."


def flow_text(question: Question, interval: Interval | None) -> str:
    """Return the definition of a flow in words."""
    how = f" By {interval} of the calendar of {question.tz}." if interval else ""
    return (
        f"{_common(question)} moves: how often leads went from the stage source to the stage target; source null is acquisition. A move "
        f"counts in the group of the journey it came into. distinct_leads: how many different leads that were.{how}"
    )


def occupancy_text(question: Question) -> str:
    """Return the definition of an occupancy in words."""
    return (
        f"{_common(question)} stages: how many stood in each stage at the instant, entries before it less exits before it; churned "
        "leads stand in churned, and customers in won, until something moves them."
    )


def channels_text(question: Question) -> str:
    """Return the definition of what channels cost and brought in words."""
    leads = "journeys that started in the interval"
    how = (
        f"leads: {leads}; opportunities, wins and revenue: what became of them so far"
        if question.mode == "cohort"
        else f"leads: {leads}; opportunities, wins and revenue: what came in the interval, whenever it started"
    )
    return (
        f"{_common(question)} {how}. customers: wins that are no repurchase. Spending is spread evenly over the days of its period, by "
        f"the calendar of {question.tz}. roi: (revenue - spend) / spend. Each currency by itself, nothing converted; costs are null where "
        "nothing was spent, where the groups are not channels or campaigns, or with known_at (what was known of spending is not kept)."
    )


def kpis_text(question: Question) -> str:
    """Return the definition of the card of five figures in words."""
    return (
        f"{_common(question)} new_leads: journeys that started in the period. conversion: wins of the period / (wins + churns of the "
        "period, but for churned customers). time_to_win: from the start of a journey to its win, of the period's wins; the median in whole "
        "days (of the two in the middle the lower). cost_per_customer: spending of the period / its customers (wins that are no repurchase). revenue: of the period's wins; revenue_per_customer: that / the period's customers. "
        "lifetime_value: all revenue until the period's end / all customers until then. Each against the period of the same length before; "
        "more_than_noise: p < 0.05 (counts and costs: binomial, exact up to a hundred; shares: Fisher's exact test where few are "
        "expected, or else z-test, bounds by Newcombe; times: Mann-Whitney; amounts: normal; times and amounts from 8 wins in either period on, "
        "and null below), one figure at a time."
    )


def bottlenecks_text(question: Question) -> str:
    """Return the definition of bottlenecks in words."""
    return (
        f"{_common(question)} step: of those that came to a stage (or beyond), the share that came to the next. Each step is held to its best "
        "example among the last four whole quarters (by start) and the channels of the interval: to the lower 95 % bound of its rate, so that "
        "luck promises little; examples with fewer than 30 to pass are not looked at. wins_gained: what the step would pass on more, times "
        "the share of those that pass that are won. Steps are ranked by it; gains of several steps do not add up."
    )


def attribution_text(question: Question, by: str, lookback: timedelta | None) -> str:
    """Return the definition of an attribution in words."""
    limit = f" within {duration(lookback)} before it" if lookback is not None else ""
    return (
        f"{_common(question)} A win is shared among the touches of its journey before it{limit}, by {by}; without one, among what started the "
        "journey. first, last: all to that touch; linear: alike; position: 40 % to the first and the last each, 20 % to those between, two "
        "share alike; time_decay: half as much for every seven days before the win; markov: by removal effect in a chain of order 1 over "
        "all paths, those that were not won (yet) included, solved exactly. The credits of each model add up to all wins and all revenue. "
        "touched_wins: won journeys with such a touch, counted once for each."
        + (" Each group by itself: its chain has the paths of its own journeys alone." if question.group_by else "")
    )


def forecast_text(question: Question) -> str:
    """Return the definition of a forecast in words."""
    return (
        f"{_common(question)} A journey's chance of a win within 30, 60 or 90 days is the cumulative incidence of wins (Aalen and Johansen's "
        "estimator, churn competing, open ones censored) among journeys that once had stood as long in the same stage (as long as those of its age class in the mean); its stage "
        "is as far as it has come. Where fewer than 30 were followed as long, the next younger age class speaks; where nobody was, there is no "
        "chance (null), and such journeys are only counted (open_without_chance). expected: the sum of the chances; its 95 % interval "
        "holds the journeys' own luck and the uncertainty of the chances. revenue: chance x amount told of the journey, by currency; "
        "their_usual_revenue: wins_without_amount x what a win has brought in the mean. days_to_win: by when half of those had been won that were "
        "won within 90 days. "
        "in_the_end: from the absorbing chain of all moves in the interval. backtest: the same forecast made so many days ago of what was "
        "known of that time, held against what happened."
        + (
            " Each group learns from its own journeys, and all of them together from all: what is expected of groups does not add up."
            if question.group_by
            else ""
        )
    )


def cohorts_text(question: Question, milestone: str, interval: Interval) -> str:
    """Return the definition of a cohort triangle in words."""
    how = " (or beyond it)" if question.skips == "credit" and milestone != "churned" else ""
    return (
        f"{_common(question)} A cohort is those that started in the same {interval} of the calendar of {question.tz}. count: came to "
        f"{milestone}{how} at an age above the one before and up to this one; cumulative: all that came by this age, of all that "
        "started. A cell is null until the youngest of its cohort can be that old. Bounds: Wilson, 95 %."
    )


def velocity_text(question: Question) -> str:
    """Return the definition of a velocity in words."""
    how = "or beyond it" if question.skips == "credit" else "itself"
    return (
        f"{_common(question)} time_to: days from the start of a journey until it came to the stage ({how}); who is on the way counts as "
        "that (censored), and who churned before will not come (a competing end): Aalen and Johansen's estimator. time_in: days between "
        "entering a stage and leaving it, for whatever; stays that last are censored: Kaplan and Meier's estimator. p25 to p90: by when "
        "that share of all has come or left; null if that cannot be seen. pipeline: open opportunities x (won / (won + churned) of "
        "all journeys) x mean amount won / mean days to win, by currency, nothing converted; opportunities without an amount are taken for ones "
        "of the only currency, if there is only one. insufficient_data: fewer than 30 came or left."
    )


def profile_text(question: Question) -> str:
    """Return the definition of the profile of those who are won in words."""
    hint = (
        " What was learned of leads because they were won counts, too; as_of=entry leaves it out."
        if question.as_of == "now"
        else ""
    )
    return (
        f"{_common(question)} Each value of each dimension is held against all journeys without it (rest), those that have no value of it "
        "among them. rate: won, of all; open journeys are not won (yet), so that younger ones win less unless a window is given. lift: rate "
        "/ rate of the rest (bounds: Katz); difference: rate - rate of the rest (bounds: Newcombe). p_value: z-test of two shares; "
        "corrected_p_value: by Holm, over all values that were judged. wins_more: true or false where that is below 0.05, else null. "
        "insufficient_data: fewer than 30 journeys, or fewer than five wins or non-wins expected, on either side: not judged. It shows who "
        f"is won, and not why.{hint}"
    )


def _common(question: Question) -> str:
    unit = (
        "journeys (each pass of a lead through the funnel)"
        if question.unit == "journey"
        else "leads (the first journey of each)"
    )
    since = f"from {instant(question.start)}" if question.start else "from the beginning"
    verb = "started" if question.mode == "cohort" else "moved"
    sentences = [
        f"Counts {unit} that {verb} {since} until before {instant(question.end)}; test leads are never counted."
    ]
    if question.window is not None:
        sentences.append(
            f"Only what happened within {duration(question.window)} (days of 24 hours, inclusive) of a journey's start counts."
        )
    if question.known_at is not None:
        sentences.append(
            f"Answered from what was recorded by {instant(question.known_at)} and not yet superseded then."
        )
    if question.dimensions - JOURNEY_DIMENSIONS:
        sentences.append(
            "Dimensions of the lead are taken as they are now."
            if question.as_of == "now"
            else "Dimensions of the lead are taken as they were when the journey was entered."
        )
    if question.segment is not None:
        sentences.append(f"Only what is of the segment {question.segment.key}.")
    if question.groups_overlap:
        sentences.append("A lead with several tags is counted in the group of each, and once among all.")
    return " ".join(sentences)
