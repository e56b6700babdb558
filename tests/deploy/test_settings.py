"""What the manifests put into a service's environment is exactly what its settings take.

A new setting fails here until a manifest gives it a value, so that whoever deploys sees every
setting there is, and none is forgotten or misspelt.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import enricher.settings
import ingestor.settings
import loader.settings
from deploy.manifests import Render, broken, environment, lines, the
from tweetlog.settings import PREFIX, settings_of

# What no manifest gives a value, and why.
LOCAL = {
    "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": "Google's own unless said otherwise",
    "TWEETLOG_BIGQUERY_ENDPOINT": "Google's own unless said otherwise",
    "TWEETLOG_X_BEARER_TOKEN": "a secret is no value in a manifest; it comes as a file",
    "TWEETLOG_X_CA_FILE": "for a local X API",
    "TWEETLOG_X_SPEED": "for a local X API",
    "HOST": "a container's one interface",
}
# What is asked of X: the manifest asks for at least what the code asks for by itself.
ASKED = tuple(
    f"TWEETLOG_X_{name}"
    for name in (
        "TWEET_FIELDS",
        "EXPANSIONS",
        "USER_FIELDS",
        "MEDIA_FIELDS",
        "PLACE_FIELDS",
        "POLL_FIELDS",
    )
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service's settings, and the manifest that gives them values."""

    settings: type
    kind: str
    file: str
    # What it is not to declare as well: names, or how the help of a setting begins.
    others: tuple[str, ...] = ()

    def declares(self, name: str, help: str) -> bool:
        return not (name in LOCAL or name.startswith(self.others) or help.startswith(self.others))


# Cloud Run sets PORT itself.
CLOUD_RUN = ("PORT", "pull:")
SERVICES = {
    "ingestor": Service(ingestor.settings.Settings, "Deployment", "base/ingestor/deployment.yaml"),
    "enricher": Service(
        enricher.settings.Settings, "Service", "base/run/services/enricher.yaml", CLOUD_RUN
    ),
    "loader": Service(
        loader.settings.Settings, "Service", "base/run/services/loader.yaml", CLOUD_RUN
    ),
}
LANES = {"ingestor": ("",), "enricher": ("", "-replay"), "loader": ("", "-replay")}


def faults(render: Render, name: str, lane: str) -> Iterator[str]:
    """Yield each difference, with what to edit."""
    service = SERVICES[name]
    declared = environment(the(render, service.kind, name + lane))
    settings = {one.name: one for _, one in settings_of(service.settings)}
    for setting in settings.values():
        if service.declares(setting.name, setting.help) and setting.name not in declared:
            default = "no default" if setting.required else f"default: {setting.default}"
            yield (
                f"{setting.name} ({setting.help}; {default}) is a setting of the {name} that "
                f"k8s/{service.file} does not declare: add it there under env, or, if it has no "
                f"use in the cloud, to LOCAL in tests/deploy/test_settings.py"
            )
    for variable, value in declared.items():
        if variable not in settings and variable.startswith(PREFIX):
            yield f"{variable} in k8s/{service.file} is no setting of the {name}: remove it there"
        elif variable in settings:
            yield from _unreadable(settings[variable].parse, variable, value, service.file)


def _unreadable(parse: object, variable: str, value: str, file: str) -> Iterator[str]:
    assert callable(parse)
    try:
        parse(value)
    except ValueError as reason:
        yield f"{variable} in k8s/{file} {reason}"


def fields_faults(render: Render) -> Iterator[str]:
    """Yield each field that has become a default since the manifest was written."""
    declared = environment(the(render, "Deployment", "ingestor"))
    settings = {one.name: one for _, one in settings_of(ingestor.settings.Settings)}
    for name in ASKED:
        asked = set(settings[name].parse(declared[name]).split(","))
        for field in sorted(set(settings[name].default.split(",")) - asked):
            yield f"{name} in k8s/base/ingestor/deployment.yaml does not ask for {field}"


LANES_OF_ALL = [(name, lane) for name, lanes in LANES.items() for lane in lanes]


@pytest.mark.parametrize(("name", "lane"), LANES_OF_ALL)
def test_the_environment_is_exactly_the_settings(render: Render, name: str, lane: str) -> None:
    assert lines(faults(render, name, lane)) == ""


def test_x_is_asked_for_all_that_the_ingestor_asks_for_by_itself(render: Render) -> None:
    assert lines(fields_faults(render)) == ""


def test_a_field_that_is_not_asked_for_is_found(prod: Render) -> None:
    names = list(environment(the(prod, "Deployment", "ingestor")))
    path = f"spec.template.spec.containers.0.env.{names.index('TWEETLOG_X_POLL_FIELDS')}.value"

    wrong = broken(prod, "Deployment ingestor", path, "id, options, voting_status")

    assert "does not ask for duration_minutes" in lines(fields_faults(wrong))


def test_a_setting_without_a_value_says_where_to_give_it_one(prod: Render) -> None:
    wrong = broken(prod, "Service loader", "spec.template.spec.containers.0.env", [])

    found = lines(faults(wrong, "loader", ""))

    assert "TWEETLOG_PROJECT (the Google Cloud project; no default)" in found
    assert "k8s/base/run/services/loader.yaml does not declare: add it there under env" in found
    assert "TWEETLOG_BIGQUERY_ENDPOINT" not in found
    assert "TWEETLOG_PULL_ROWS" not in found


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        (
            {"name": "TWEETLOG_BATCH_ROW", "value": "500"},
            "TWEETLOG_BATCH_ROW in k8s/base/run/services/loader.yaml is no setting of the loader",
        ),
        (
            {"name": "TWEETLOG_BATCH_ROWS", "value": "many"},
            "TWEETLOG_BATCH_ROWS in k8s/base/run/services/loader.yaml is 'many'; it takes",
        ),
    ],
)
def test_a_misspelt_name_or_value_is_found(
    prod: Render, variable: dict[str, str], complaint: str
) -> None:
    wrong = broken(prod, "Service loader", "spec.template.spec.containers.0.env", [variable])

    assert complaint in lines(faults(wrong, "loader", ""))
