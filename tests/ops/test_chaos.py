from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tweetlog_ops import manifests, project
from tweetlog_ops.chaos import VICTIMS, impatient, schedule


@given(st.integers(1, 10**6), st.integers(0, 60), st.integers())
def test_everybody_is_killed_as_often_as_the_others_within_the_run(
    tweets: int, kills: int, seed: int
) -> None:
    planned = schedule(tweets, kills=kills, seed=seed)

    counts = Counter(kill.victim for kill in planned)
    assert sum(counts.values()) == kills
    assert max(counts[one] for one in VICTIMS) - min(counts[one] for one in VICTIMS) <= 1
    assert all(0 <= kill.at < tweets for kill in planned)
    assert list(planned) == sorted(planned, key=lambda kill: kill.at)


def test_the_same_seed_is_the_same_chaos() -> None:
    assert schedule(1000, kills=9, seed=1) == schedule(1000, kills=9, seed=1)
    assert schedule(1000, kills=9, seed=1) != schedule(1000, kills=9, seed=2)


def test_chaos_shortens_the_waits_and_nothing_else() -> None:
    declared = manifests.read(project.platform_manifests())

    hurried = impatient(declared)

    assert hurried.topics == declared.topics
    for before, after in zip(declared.subscriptions, hurried.subscriptions, strict=True):
        assert replace(after, backoff=before.backoff) == before
