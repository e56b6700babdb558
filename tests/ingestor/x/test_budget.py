from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x import usage
from ingestor.x.alarm import Volume
from ingestor.x.budget import (
    Budget,
    Spent,
    cost,
    left,
    month_of,
    next_month,
    nothing,
    refusal,
    resumes,
    share,
)
from ingestor.x.seen import Seen

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def spent(today: int, this_month: int) -> Spent:
    return Spent(date(2026, 11, 27), today, date(2026, 11, 1), this_month)


def test_the_tighter_of_day_and_month_counts() -> None:
    assert left(spent(40, 900), Budget(100, 1_000)) == 60
    assert left(spent(40, 950), Budget(100, 1_000)) == 50
    assert left(spent(40, 950), Budget(100)) == 60
    assert left(spent(40, 950), Budget(per_month=1_000)) == 50
    assert left(spent(140, 950), Budget(100, 1_000)) == 0
    assert left(spent(140, 950), Budget()) is None


def test_the_share_used_says_of_what() -> None:
    assert share(spent(80, 100), Budget(100, 1_000)) == (0.8, "day")
    assert share(spent(10, 900), Budget(100, 1_000)) == (0.9, "month")
    assert share(spent(10, 900), Budget()) == (0, "day")


def test_a_new_day_begins_at_midnight_utc_and_a_new_month_on_the_billing_day() -> None:
    before = spent(100, 900)
    budget = Budget(billing_day=28)
    in_november = Spent(date(2026, 11, 27), 100, date(2026, 10, 28), 900)

    assert before.at(NOON, Budget()) == before
    assert before.at(NOON + timedelta(hours=12), Budget()) == Spent(
        date(2026, 11, 28), 0, date(2026, 11, 1), 900
    )
    assert before.at(NOON + timedelta(days=4), Budget()) == Spent(
        date(2026, 12, 1), 0, date(2026, 12, 1), 0
    )
    assert in_november.at(NOON + timedelta(days=1), budget).this_month == 0


def test_a_clock_that_is_set_back_gives_no_budget_back() -> None:
    assert spent(100, 900).at(NOON - timedelta(days=30), Budget(100)) == spent(100, 900)


def test_it_resumes_at_midnight_or_when_the_billing_month_ends() -> None:
    assert resumes(spent(100, 900), Budget(100, 1_000)) == datetime(2026, 11, 28, tzinfo=UTC)
    assert resumes(spent(100, 1_000), Budget(100, 1_000)) == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "billing_day", "begins", "following"),
    [
        (date(2026, 11, 27), 1, date(2026, 11, 1), date(2026, 12, 1)),
        (date(2026, 11, 27), 28, date(2026, 10, 28), date(2026, 11, 28)),
        (date(2026, 2, 27), 31, date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 2, 28), 31, date(2026, 2, 28), date(2026, 3, 31)),
        (date(2028, 2, 29), 30, date(2028, 2, 29), date(2028, 3, 30)),
        (date(2026, 1, 15), 20, date(2025, 12, 20), date(2026, 1, 20)),
        (date(2026, 12, 31), 31, date(2026, 12, 31), date(2027, 1, 31)),
    ],
)
def test_a_billing_month_begins_on_its_day_or_the_last_of_a_short_month(
    day: date, billing_day: int, begins: date, following: date
) -> None:
    assert month_of(day, billing_day) == begins
    assert next_month(begins, billing_day) == following


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.integers(1, 31))
def test_every_day_lies_in_one_billing_month(day: date, billing_day: int) -> None:
    begins = month_of(day, billing_day)

    assert begins <= day < next_month(begins, billing_day)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(-50_000, 200_000)), max_size=30),
    st.integers(1, 31),
)
def test_counting_never_allows_more_than_the_budget(
    reads: list[tuple[int, int]], billing_day: int
) -> None:
    budget = Budget(100, 300, billing_day)
    now, counted = NOON, nothing(NOON, Budget())
    by_day: dict[date, int] = {}
    for wanted, seconds in reads:
        now += timedelta(seconds=seconds)
        counted = counted.at(now, budget)
        posts = min(wanted, left(counted, budget) or 0)
        counted = counted.read(posts)
        by_day[counted.day] = by_day.get(counted.day, 0) + posts

    assert all(posts <= 100 for posts in by_day.values())


def test_what_a_budget_costs_is_said_in_dollars() -> None:
    assert (
        cost(Budget(600, 20_000)) == "600 Posts a day are $3.00; 20,000 Posts a month are $100.00"
    )


def test_without_a_budget_it_says_what_could_be_spent() -> None:
    said = refusal(Budget())

    assert "TWEETLOG_POSTS_PER_DAY" in said
    assert "$432 a day" in said
    assert "$108,000 a day" in said
    assert "$15,000, in 3 h 20 min" in said


AS_DAYS = {
    "data": {
        "daily_project_usage": [
            {
                "date": "2026-11-27",
                "usage": [
                    {"app_id": "1", "tweets_consumed": 5},
                    {"app_id": "2", "tweets_consumed": "7"},
                ],
            },
            {"date": "2026-11-26", "usage": [{"app_id": "1", "tweets_consumed": 100}]},
        ],
        "project_cap": 10_000,
    }
}
AS_PROJECT = {
    "data": {
        "daily_project_usage": {
            "project_id": "9",
            "usage": [
                {"date": "2026-11-27T00:00:00.000Z", "usage": "12"},
                {"date": "2026-11-26T00:00:00.000Z", "usage": 100},
            ],
        },
        "daily_client_app_usage": [
            {"client_app_id": "1", "usage": [{"date": "2026-11-27T00:00:00.000Z", "usage": "5"}]}
        ],
    }
}


@pytest.mark.parametrize("document", [AS_DAYS, AS_PROJECT])
def test_xs_usage_is_read_in_both_shapes(document: object) -> None:
    days = usage.by_day(document)

    assert days == {date(2026, 11, 27): 12, date(2026, 11, 26): 100}
    assert usage.spent(days, date(2026, 11, 27), date(2026, 11, 1)) == (12, 112)
    assert usage.by_day(document, "1")[date(2026, 11, 27)] == 5


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["data", "daily_project_usage", "usage", "date", "tweets_consumed"]
                ),
                inner,
            )
        ),
    )
)
def test_any_answer_about_usage_is_read_as_far_as_it_goes(document: object) -> None:
    assert all(posts >= 0 for posts in usage.by_day(document).values())


def test_the_larger_count_is_believed() -> None:
    assert spent(10, 20).at_least(5, 30) == spent(10, 30)


def test_silence_is_news_when_it_is_longer_than_a_hundred_usual_waits() -> None:
    volume = Volume(least=10)
    volume.opened(0)
    for second in range(1, 101):
        volume.tweet(second)

    assert not volume.quiet(100 + 99)
    assert volume.quiet(100 + 102)


def test_silence_from_the_start_is_news_after_the_least_time() -> None:
    volume = Volume(least=10)
    assert not volume.quiet(1e9)
    volume.opened(5)

    assert not volume.quiet(15)
    assert volume.quiet(15.1)


def test_an_id_is_new_once() -> None:
    seen = Seen()

    assert [seen.add(id) for id in (1, 2, 1)] == [True, True, False]


def test_as_many_ids_as_asked_for_are_remembered_and_not_more_than_twice_as_many() -> None:
    seen = Seen(most=100)
    for id in range(1_000):
        seen.add(id)

    assert len(list(seen)) <= 200
    assert not any(seen.add(id) for id in range(900, 1_000))
    assert seen.add(700)
