"""How many Posts may still be read: by UTC day and by billing month.

X bills a Post once in a UTC day, however often it is read; which is what `read` is to be told.
"""

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

#: From which share of the budget on somebody should know.
WARN_SHARE = 0.8
#: What X delivers at most, Posts a second (X docs, "Filtered stream", pay-per-use).
MOST_A_SECOND = 250
#: What pay-per-use sells in a billing month (X docs, "Post cap", 2026-08).
MONTHLY_CAP = 3_000_000

DAY, MONTH = "day", "month"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be read.

    Attributes:
        per_day: Posts in a UTC day; None for no limit.
        per_month: Posts in a billing month; None for no limit.
        billing_day: the day on which the billing month begins; in a shorter month its last.
        post_dollars: what a Post costs.
    """

    per_day: int | None = None
    per_month: int | None = None
    billing_day: int = 1
    post_dollars: float = 0.005


@dataclass(frozen=True, slots=True)
class Spent:
    """What was read.

    Attributes:
        day: the UTC day of `today`.
        today: Posts read on it.
        month: the first day of the billing month of `this_month`.
        this_month: Posts read in it.
    """

    day: date
    today: int
    month: date
    this_month: int

    def read(self, posts: int) -> "Spent":
        """Return the same with so many more."""
        return Spent(self.day, self.today + posts, self.month, self.this_month + posts)

    def at(self, now: datetime, budget: Budget) -> "Spent":
        """Return what counts at this moment; a clock that was set back resets nothing."""
        day = now.astimezone(UTC).date()
        if day <= self.day:
            return self
        month = month_of(day, budget.billing_day)
        return Spent(day, 0, month, self.this_month if month <= self.month else 0)

    def at_least(self, today: int, this_month: int) -> "Spent":
        """Return the larger of our count and somebody else's."""
        return replace(
            self, today=max(self.today, today), this_month=max(self.this_month, this_month)
        )


def nothing(now: datetime, budget: Budget) -> Spent:
    """Return that nothing was read yet."""
    day = now.astimezone(UTC).date()
    return Spent(day, 0, month_of(day, budget.billing_day), 0)


def left(spent: Spent, budget: Budget) -> int | None:
    """Return how many Posts may still be read now; None for any number."""
    limits = [
        most - count
        for most, count in (
            (budget.per_day, spent.today),
            (budget.per_month, spent.this_month),
        )
        if most is not None
    ]
    return max(0, min(limits)) if limits else None


def share(spent: Spent, budget: Budget) -> tuple[float, str]:
    """Return the larger share that is used up, and of what: a day or a month."""
    shares = [
        (count / most, name)
        for most, count, name in (
            (budget.per_day, spent.today, DAY),
            (budget.per_month, spent.this_month, MONTH),
        )
        if most is not None
    ]
    return max(shares, default=(0.0, DAY))


def resumes(spent: Spent, budget: Budget) -> datetime:
    """Return when there is something left again, if there is nothing now."""
    if budget.per_month is not None and spent.this_month >= budget.per_month:
        return _midnight(next_month(spent.month, budget.billing_day))
    return _midnight(spent.day + timedelta(days=1))


def month_of(day: date, billing_day: int) -> date:
    """Return the first day of the billing month that a day lies in."""
    begins = _clipped(day.year, day.month, billing_day)
    if day >= begins:
        return begins
    before = day.replace(day=1) - timedelta(days=1)
    return _clipped(before.year, before.month, billing_day)


def next_month(month: date, billing_day: int) -> date:
    """Return the first day of the billing month after the one that begins on `month`."""
    after = month.replace(day=28) + timedelta(days=4)
    return _clipped(after.year, after.month, billing_day)


def _clipped(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def cost(budget: Budget) -> str:
    """Return in words what a budget costs at most."""
    parts = []
    if budget.per_day is not None:
        parts.append(
            f"{budget.per_day:,} Posts a day are ${budget.per_day * budget.post_dollars:,.2f}"
        )
    if budget.per_month is not None:
        dollars = budget.per_month * budget.post_dollars
        parts.append(f"{budget.per_month:,} Posts a month are ${dollars:,.2f}")
    return "; ".join(parts)


def refusal(budget: Budget) -> str:
    """Return why a live stream is not read without a budget, with what that could cost."""
    a_day = MOST_A_SECOND * 86_400
    hours, minutes = divmod(MONTHLY_CAP // MOST_A_SECOND // 60, 60)
    price = budget.post_dollars
    return (
        "no budget: set TWEETLOG_POSTS_PER_DAY, TWEETLOG_POSTS_PER_MONTH or both. "
        f"A Post costs ${price:g}: one a second is ${86_400 * price:,.0f} a day; a rule as wide as "
        f"X delivers ({MOST_A_SECOND} a second) is ${a_day * price:,.0f} a day and reaches the "
        f"monthly cap of {MONTHLY_CAP:,} Posts, ${MONTHLY_CAP * price:,.0f}, in "
        f"{hours} h {minutes} min"
    )
