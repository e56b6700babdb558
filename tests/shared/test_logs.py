import io
import json
import logging
from typing import Any

from builders import A_TWEET_ID, a_raw_tweet
from tweetlog.logs import CloudLogging, about


def logged(message: str, *args: object, **more: Any) -> dict[str, Any]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(CloudLogging("loader", "p"))
    logger = logging.getLogger("a test of logs")
    logger.handlers, logger.propagate = [handler], False
    logger.warning(message, *args, **more)
    line: dict[str, Any] = json.loads(out.getvalue())
    return line


def test_a_line_is_one_json_object_as_cloud_logging_reads_it() -> None:
    line = logged("slow: %d ms", 7)

    assert (line["severity"], line["message"]) == ("WARNING", "slow: 7 ms")


def test_a_line_about_an_event_has_its_id_and_trace_and_nothing_of_its_data() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with about(a_raw_tweet(text="secret").extended(traceparent=trace)):
        line = logged("refused")

    assert line["logging.googleapis.com/labels"]["event_id"] == A_TWEET_ID
    assert (
        line["logging.googleapis.com/trace"] == "projects/p/traces/0af7651916cd43dd8448eb211c80319c"
    )
    assert line["logging.googleapis.com/spanId"] == "b7ad6b7169203331"
    assert "secret" not in json.dumps(line)


def test_a_lone_surrogate_in_a_message_is_no_error() -> None:
    assert logged("bad \ud83d text")["message"] == "bad ? text"


def test_a_traceback_stays_on_the_line() -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        line = logged("failed", exc_info=True)

    assert "ValueError: odd" in line["message"]
