from pathlib import Path

import pytest

from tweetlog_ops import project
from tweetlog_ops.errors import CommandError
from tweetlog_ops.manifests import Subscription, read

TOPIC = """
kind: PubSubTopic
metadata: {name: tweets-raw}
spec: {messageRetentionDuration: 2678400s}
"""


def a_folder(tmp_path: Path, *documents: str) -> Path:
    (tmp_path / "platform.yaml").write_text("---".join(documents))
    return tmp_path


def a_subscription(spec: str) -> str:
    return (
        "\nkind: PubSubSubscription"
        "\nmetadata: {name: s, annotations: {tweetlog/service: enricher}}\n"
        f"spec: {{topicRef: {{name: tweets-raw}}, {spec}}}\n"
    )


def the_declared(name: str) -> Subscription:
    declared = read(project.platform_manifests())
    return next(one for one in declared.subscriptions if one.name == name)


def test_the_manifests_declare_the_topics_of_the_design() -> None:
    declared = read(project.platform_manifests())

    days = {topic.name: topic.retention // 86_400 for topic in declared.topics}
    assert days == {
        "tweets-raw": 31,
        "tweets-enriched": 7,
        "tweets-raw-replay": 0,
        "tweets-enriched-replay": 0,
        "tweets-dead": 31,
        "tweets-smoke": 0,
    }


def test_every_push_has_a_deadline_a_backoff_and_a_dead_letter_topic() -> None:
    pushes = [one for one in read(project.platform_manifests()).subscriptions if one.service]

    # A deployment's test sets nothing aside: its messages go by themselves.
    kept = {one.service: one.dead_letter_topic for one in pushes}
    assert kept == {
        "enricher": "tweets-dead",
        "loader": "tweets-dead",
        "enricher-replay": "tweets-dead",
        "loader-replay": "tweets-dead",
        "enricher-candidate": None,
        "loader-candidate": None,
    }
    assert {(one.ack_deadline, one.backoff) for one in pushes} == {(60, (10, 600))}
    assert all(one.unwrapped for one in pushes)


def test_the_event_store_never_gives_up_on_a_message() -> None:
    store = the_declared("tweets-raw-store")

    assert store.table == "PROJECT_ID.tweetlog.raw_events"
    assert store.dead_letter_topic is None


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("ackDeadlineSecond: 60", "spec.ackDeadlineSecond is not known; did you mean ackDeadlineS"),
        ("pushConfig: {pushEndpont: x}", "spec.pushConfig.pushEndpont is not known"),
        ("messageRetentionDuration: 7d", "'7d' is not a duration like 600s"),
        ("deadLetterPolicy: {deadLetterTopicRef: {name: tweets-rau}}", "no topic tweets-rau"),
    ],
)
def test_a_typo_is_named_with_file_and_resource(tmp_path: Path, spec: str, complaint: str) -> None:
    folder = a_folder(tmp_path, TOPIC, a_subscription(spec))

    with pytest.raises(CommandError, match=complaint) as caught:
        read(folder)

    assert str(tmp_path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_push_says_which_service_it_is_for(tmp_path: Path) -> None:
    document = a_subscription("pushConfig: {pushEndpoint: https://x}").replace(
        ", annotations: {tweetlog/service: enricher}", ""
    )

    with pytest.raises(CommandError, match="annotation tweetlog/service is missing"):
        read(a_folder(tmp_path, TOPIC, document))


def test_what_is_not_yaml_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"platform\.yaml: not YAML") as caught:
        read(a_folder(tmp_path, "a: [1"))

    assert "\n" not in str(caught.value)


def test_resources_of_other_kinds_are_no_topology(tmp_path: Path) -> None:
    other = "\nkind: IAMServiceAccount\nmetadata: {name: a}\nspec: {displayName: x}\n"

    declared = read(a_folder(tmp_path, TOPIC, other))

    assert [topic.name for topic in declared.topics] == ["tweets-raw"]
    assert declared.subscriptions == ()


def test_a_misspelt_kind_is_named_and_not_skipped(tmp_path: Path) -> None:
    other = (
        "\napiVersion: pubsub.cnrm.cloud.google.com/v1beta1"
        "\nkind: PubSubSubscripton\nmetadata: {name: a}\nspec: {}\n"
    )

    with pytest.raises(CommandError, match=r"PubSubSubscripton a: the kind is not known"):
        read(a_folder(tmp_path, TOPIC, other))
