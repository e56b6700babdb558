import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tweetlog_ops.cli import main, parser


def declared(one: argparse.ArgumentParser, *called: str) -> Iterator[tuple[str, ...]]:
    """Yield every command that there is, as it is typed."""
    yield called
    for action in one._actions:  # noqa: SLF001 - argparse lists them nowhere else
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for name, inner in action.choices.items():
                yield from declared(inner, *called, name)


COMMANDS = tuple(declared(parser()))


def test_the_commands_are_found() -> None:
    assert {("run",), ("warehouse", "apply")} < set(COMMANDS)


def exit_code(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*command, "--help") == 0

    shown = capsys.readouterr().out
    assert "example: tweetlog" in shown or "see: " in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("verify", "--from", "yesterday"), "--from: Invalid isoformat string: 'yesterday'"),
        (("verify", "--to", "2026-01-31T12:00:00"), "--to: '2026-01-31T12:00:00' has no time zone"),
        (("verify", "--from", "2026-02-01", "--to", "2026-01-01"), "--from is not before --to"),
        (("verify", "--from", "2999-01-01"), "--from lies in the future"),
        (("query", "SELECT 1"), "no data here yet"),
        (("run", "no-such-file.ndjson"), "no-such-file.ndjson: no such file"),
        (("run", "--tweets", "-5"), "'-5' is not a whole number"),
        (("run", "--tweets", "many"), "'many' is not a whole number"),
        (("run", "--delivery", "pigeon"), "invalid choice: 'pigeon'"),
        (("deadletters", "redrive"), "say which: ids, or --stage and --reason-class, or --all"),
        (("deadletters", "discard", "1", "--why", " "), "--why is empty"),
        (("deadletters", "list"), "no data here yet"),
        (("delete", "--ids", "12x"), "12x: neither an id of digits nor a file"),
        (("delete", "--ids", __file__), f"{__file__}, line 1: 'import argparse' is not an id"),
        (("delete", "--ids", "1", "--verdict", "gone"), "--verdict 'gone' is not known; it is one"),
        (("delete", "--ids", "1", "--verdict", "undeleted"), "what was erased cannot be given"),
        (("delete", "--ids", "1", "--up-to", "2"), "--up-to goes with --users"),
        (("delete", "--ids", "1", "--at", "soon"), "--at: Invalid isoformat string: 'soon'"),
        (("delete", "--ids", "1"), "no data here yet"),
        (("run", "--source", "x", "a.ndjson"), "--source x listens to a stream; leave FILE out"),
        (("run", "--source", "x", "--rules", "none.toml"), "none.toml: no such file"),
        (("run", "--source", "x", "--rate", "0"), "'0' is not a number above 0"),
        (("replay", "--from", "2026-02-01", "--to", "2026-01-01"), "--from is not before --to"),
        (("replay", "--from", "2999-01-01"), "--from lies in the future"),
        (("replay", "--into", "Tweets"), "Tweets: not a name for a table of tweets"),
        (("replay", "--into", "tweets_current"), "a table of the warehouse itself"),
        (("replay", "--into", "tweets; DROP TABLE x"), "not a name for a table of tweets"),
        (("replay", "--ids", "nowhere.txt"), "nowhere.txt: No such file or directory"),
        (("replay", "--ids", __file__), 'line 1: "import argparse" is no tweet id'),
        (("replay", "--enricher", "nowhere"), "nowhere: no Python, and no checkout of tweetlog"),
        (("replay", "--enricher", ".", "--project", "p"), "--enricher is for one machine"),
        (("replay", "--from-topic", "--dead-letters"), "leave --from-topic out"),
        (("replay", "--version", "two"), "'two' is not a whole number"),
        (("replay",), "no data here yet"),
        (("diff", "tweets", "tweets_v2"), "no data here yet"),
        (("promote", "tweets_v2"), "no data here yet"),
        (("rollback",), "no data here yet"),
        (("retire", "tweets"), "no data here yet"),
        (("sing",), "invalid choice: 'sing'"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = () if arguments[0] == "sing" else ("--data-dir", str(tmp_path / "data"))

    code = exit_code(*arguments, *place)

    last = capsys.readouterr().err.splitlines()[-1]
    assert code == 2
    assert complaint in last
    assert not (tmp_path / "data").exists()
