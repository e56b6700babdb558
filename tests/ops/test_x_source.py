from pathlib import Path

import pytest

from tweetlog_ops.errors import CommandError
from tweetlog_ops.x_source import TOKEN_FILE, announcement, chosen


def real(folder: Path, **more: str) -> dict[str, str]:
    """An environment with a token, and more."""
    token = folder / "token"
    token.write_text("secret")
    return {TOKEN_FILE: str(token), **more}


def a_rules_file(folder: Path) -> Path:
    rules = folder / "rules.toml"
    rules.write_text("")
    return rules


def test_without_a_token_it_is_the_local_x_api_which_costs_nothing() -> None:
    source = chosen({"TWEETLOG_POSTS_PER_DAY": "5"}, rules=None, rate=50)

    assert source.real == {}
    assert source.rules.is_file()
    assert announcement(source) == (
        "reading the local X API: made-up tweets, 50 a second, for nothing"
    )


def test_with_a_token_and_a_budget_it_is_x_itself_and_says_what_it_may_cost(
    tmp_path: Path,
) -> None:
    budgets = {"TWEETLOG_POSTS_PER_DAY": "600", "TWEETLOG_POSTS_PER_MONTH": "10000"}
    environ = real(tmp_path, TWEETLOG_LOG_LEVEL="DEBUG", **budgets)

    source = chosen(environ, rules=a_rules_file(tmp_path), rate=50)

    assert source.real.keys() == {TOKEN_FILE, *budgets}
    assert announcement(source) == (
        "reading X itself (api.x.com), which costs $0.005 a Post: at most 600 a day ($3.00), "
        "10,000 a month ($50.00); Ctrl-C ends it"
    )


def test_x_itself_is_not_read_without_budget_and_rules_and_all_that_is_missing_is_said(
    tmp_path: Path,
) -> None:
    with pytest.raises(CommandError) as refused:
        chosen({TOKEN_FILE: str(tmp_path / "none")}, rules=None, rate=50)

    said = str(refused.value)
    assert refused.value.exit_code == 2
    assert "set TWEETLOG_POSTS_PER_DAY or TWEETLOG_POSTS_PER_MONTH" in said
    assert "give --rules FILE or set TWEETLOG_X_RULES_FILE" in said
    assert "TWEETLOG_X_BEARER_TOKEN_FILE: no such file" in said


@pytest.mark.parametrize("budget", ["", "many", "-5"])
def test_a_budget_that_is_no_number_is_none(tmp_path: Path, budget: str) -> None:
    environ = real(tmp_path, TWEETLOG_POSTS_PER_DAY=budget)

    with pytest.raises(CommandError, match="Posts to read at most"):
        chosen(environ, rules=a_rules_file(tmp_path), rate=50)
