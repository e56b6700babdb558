"""The edge to X, over a local X API: how a connection ends, and what is handed over until then."""

import logging
import threading
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.line import payload
from ingestor.x.answers import Cause, Ended, Refused
from ingestor.x.client import Address, Api, Connection, lines
from ingestor.x.rules import Rule
from ingestor.x.token import Token
from tweetlog_local.x_api import Running
from x_client import Lab
from x_live import PATIENCE, WHOLE, eventually

pytestmark = pytest.mark.servers

ENDLESS = {"tweets": None, "rate": 0, "prepared": 5_000, "latency": 0}


@dataclass
class Hearing:
    """Hears a connection."""

    lines: list[bytes] = field(default_factory=list)
    keep_alives: int = 0
    at: float | None = None

    def opened(self, at: float) -> None:
        self.at = at

    def line(self, line: bytes) -> None:
        self.lines.append(line)

    def keep_alive(self) -> None:
        self.keep_alives += 1


def address(up: Running, **more: float) -> Address:
    return Address(up.url, str(up.ca_file), **more)


def with_a_rule(up: Running) -> Api:
    api = Api(address(up), Token(up.token))
    assert api.add_rules([Rule("whole", WHOLE)], "tweetlog:") == []
    return api


@dataclass
class Opened:
    """A connection in a thread of its own."""

    up: Running
    hearing: Hearing = field(default_factory=Hearing)
    ends: list[Ended] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = Connection(address(self.up), Token(self.up.token), self.hearing)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.ends.append(self.connection.run())

    def end(self) -> Ended:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.ends[0]


def has_heard(opened: Opened, lines: int) -> bool:
    return len(opened.hearing.lines) > lines


@given(st.lists(st.sampled_from([b"", b"{}", b'{"data":{"id":"1"}}'])), st.data())
def test_lines_are_the_same_in_whatever_pieces_they_come(
    given_lines: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(line + b"\r\n" for line in given_lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))) | {0, len(whole)})

    assert list(lines(whole[a:b] for a, b in pairwise(cuts))) == given_lines


def test_half_a_line_at_the_end_is_a_line() -> None:
    assert list(lines([b"one\r", b"\ntw", b"o"])) == [b"one", b"two"]


@pytest.mark.parametrize("x", [ENDLESS], indirect=True)
def test_a_line_that_comes_byte_by_byte_brings_no_keep_alive(x: Running) -> None:
    with_a_rule(x)
    lab = Lab(x)
    lab.fault("split", bytes=1, count=20)
    opened = Opened(x)
    eventually(lambda: len(opened.hearing.lines) > 20)
    opened.connection.kick(Ended(Cause.SHUTDOWN))

    assert opened.end().cause == Cause.SHUTDOWN
    assert opened.hearing.keep_alives == 0


@pytest.mark.parametrize("x", [ENDLESS], indirect=True)
def test_kicked_in_full_flow_it_never_hands_over_rubbish(x: Running) -> None:
    """A TLS socket of Python's that is shut down reads what is still encrypted.

    Another thread keeps the interpreter busy, as publishing does, so that much is on its way.
    """
    over = threading.Event()

    def burn() -> None:
        while not over.is_set():
            sum(range(2_000))

    busy = threading.Thread(target=burn)
    busy.start()
    try:
        with_a_rule(x)
        for _ in range(12):
            opened = Opened(x)
            eventually(partial(has_heard, opened, 2_000))
            opened.connection.kick(Ended(Cause.SHUTDOWN, "told to"))
            assert opened.end().cause is Cause.SHUTDOWN
            for line in opened.hearing.lines:
                payload(line, {}, "")
    finally:
        over.set()
        busy.join()


@pytest.mark.parametrize("x", [{"tweets": 2_000, "rate": 0, "latency": 0}], indirect=True)
def test_what_had_arrived_before_a_kick_is_still_handed_over(x: Running) -> None:
    class Slow(Hearing):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = threading.Event()

        def line(self, line: bytes) -> None:
            super().line(line)
            assert self.go_on.wait(PATIENCE)

    with_a_rule(x)
    hearing = Slow()
    opened = Opened(x, hearing)
    eventually(lambda: bool(hearing.lines) and Lab(x).get("stats")["finished"])
    given = Lab(x).get("ids", rule="tweetlog:whole")
    opened.connection.kick(Ended(Cause.SHUTDOWN, "told to"))
    hearing.go_on.set()

    assert opened.end() == Ended(Cause.SHUTDOWN, "told to", opened=True)
    assert [payload(line, {}, "")[0].id for line in hearing.lines] == given


@pytest.mark.parametrize("x", [{"tweets": 0, "keep_alive": 50_000}], indirect=True)
def test_kicked_while_nothing_comes_it_ends_without_waiting_for_anything(x: Running) -> None:
    with_a_rule(x)
    opened = Opened(x)
    eventually(lambda: opened.hearing.at is not None)
    opened.connection.kick(Ended(Cause.STALL, "silence"))
    opened.connection.kick(Ended(Cause.SHUTDOWN, "too late to be the cause"))

    assert opened.end() == Ended(Cause.STALL, "silence", opened=True)


@pytest.mark.parametrize("x", [{"tweets": 0}], indirect=True)
def test_kicked_before_it_is_open_it_is_not_opened(x: Running) -> None:
    with_a_rule(x)
    hearing = Hearing()
    connection = Connection(address(x), Token(x.token), hearing)
    connection.kick(Ended(Cause.SHUTDOWN, "told to"))

    assert connection.run() == Ended(Cause.SHUTDOWN, "told to", opened=False)
    assert hearing.at is None


@pytest.mark.parametrize("x", [{"tweets": 20, "rate": 100, "begin": "connect"}], indirect=True)
def test_a_polite_end_is_connected_to_once(x: Running) -> None:
    with_a_rule(x)
    Lab(x).fault("end", after=3)
    opened = Opened(x)
    ended = opened.end()

    assert (ended.cause, ended.opened) == (Cause.CLOSED, True)
    assert len(Lab(x).log()) == 1


def test_a_fault_of_the_listener_is_the_end_and_is_kept(x: Running) -> None:
    class Faulty(Hearing):
        def line(self, line: bytes) -> None:
            raise KeyError(line[:10])

    with_a_rule(x)
    ended = Connection(address(x), Token(x.token), Faulty()).run()

    assert ended.cause is Cause.FAULT
    assert isinstance(ended.fault, KeyError)


def test_the_token_is_in_no_log_line_even_when_everything_is_logged(
    x: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        api = with_a_rule(x)
        api.rules()
        api.usage(3)
        with pytest.raises(Refused, match="401"):
            Api(address(x), Token("wrong-hush")).rules()
        connection = Connection(address(x), Token("wrong-hush"), Hearing())
        assert connection.run().cause is Cause.UNAUTHORIZED

    assert x.token not in caplog.text
    assert "wrong-hush" not in caplog.text


def test_the_environments_certificates_do_not_take_the_place_of_ours(
    x: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    assert with_a_rule(x).rules()[0].tag == "tweetlog:whole"


def test_rules_are_read_and_changed_page_by_page(x: Running) -> None:
    api = Api(address(x), Token(x.token))
    many = [Rule(f"t{n}", f"word{n}") for n in range(250)]
    assert api.add_rules(many, "p:") == []
    there = api.rules()
    assert {rule.value for rule in there} == {rule.value for rule in many}
    assert api.add_rules(many[:1], "p:", dry_run=True)[0]["title"] == "DuplicateRule"
    api.delete_rules(there[:120])

    assert len(api.rules()) == 130
    assert api.caps()["project_rules_count"] == 130


def test_an_answer_that_is_no_json_is_a_refusal(x: Running) -> None:
    Lab(x).fault("answer", problem="bad_gateway", path="/2/usage/tweets", count=None)

    with pytest.raises(Refused, match="HTTP 502: <html>"):
        Api(address(x), Token(x.token)).usage(3)


def test_nobody_there_is_a_refusal_with_a_reason() -> None:
    nobody = Address("http://127.0.0.1:1")
    with pytest.raises(Refused, match="Connection refused") as refused:
        Api(nobody, Token("t")).rules()

    assert refused.value.ended.cause is Cause.NETWORK
    ended = Connection(nobody, Token("t"), Hearing()).run()
    assert (ended.cause, ended.opened) == (Cause.NETWORK, False)
    assert "Connection refused" in ended.detail
