"""The `bq` command of the Google Cloud SDK, where it is present, over the embedded BigQuery."""

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.cloud import bigquery

from contract.bigquery.clients import PROJECT, Stream, local, upsert
from tweetlog_local.bigquery import Running

pytestmark = pytest.mark.servers

Bq = Callable[..., "subprocess.CompletedProcess[str]"]


def _command() -> str:
    """Return where bq is.

    It comes with the Google Cloud SDK alone, which is neither on PyPI nor in Debian: continuous
    integration cannot be asked to install it, so that these tests skip there as well, unless the
    variable BQ promises a bq.
    """
    named = os.environ.get("BQ")
    found = shutil.which(named or "bq")
    if named and not found:
        pytest.fail(f"BQ names {named}, which is not there")
    if not found:
        pytest.skip("bq was not found: install the Google Cloud SDK, or name the command in BQ")
    return found


@pytest.fixture
def bq(server: Running, tmp_path: Path) -> Bq:
    """Run bq against the server, in a home of its own."""
    own = {"HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    quiet = {
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
    }
    flags = [f"--api={server.rest}", "--oauth_access_token=local", f"--project_id={PROJECT}"]
    command = _command()

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [command, *flags, *arguments],
            env={**os.environ, **own, **quiet},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def test_bq_lists_shows_and_queries(bq: Bq, dataset: str, keyed: Stream) -> None:
    keyed.append([upsert(id=1, v="a", tags=[{"tag": "x", "n": 2}]), upsert(id=2, v="b")])

    datasets = bq("ls", "--format=json")
    tables = bq("ls", "--format=json", dataset)
    shown = bq("show", "--format=json", keyed.table)
    rows = bq(
        "query",
        "--nouse_legacy_sql",
        "--format=csv",
        "--parameter=least:INT64:1",
        f"SELECT id, v, ARRAY_LENGTH(tags) AS n FROM {keyed.table} WHERE id >= @least ORDER BY id",
    )

    assert dataset in [one["datasetReference"]["datasetId"] for one in json.loads(datasets.stdout)]
    assert [one["tableReference"]["tableId"] for one in json.loads(tables.stdout)] == ["keyed"]
    fields = json.loads(shown.stdout)["schema"]["fields"]
    assert [(one["name"], one["type"]) for one in fields] == [
        ("id", "INTEGER"),
        ("v", "STRING"),
        ("tags", "RECORD"),
    ]
    assert list(csv.reader(rows.stdout.splitlines())) == [
        ["id", "v", "n"],
        ["1", "a", "1"],
        ["2", "b", "0"],
    ]


def test_bq_says_what_is_wrong_and_what_is_not_served(
    bq: Bq, client: bigquery.Client, plain: Stream, tmp_path: Path
) -> None:
    file = tmp_path / "rows.json"
    file.write_text('{"id": 1}\n')

    wrong = bq("query", "--nouse_legacy_sql", f"SELECT nope FROM {plain.table}")
    load = bq("load", "--source_format=NEWLINE_DELIMITED_JSON", plain.table, str(file))

    assert wrong.returncode
    assert "Unrecognized name: nope" in wrong.stdout
    assert load.returncode
    assert "Only query jobs are supported" in " ".join(load.stdout.split())
    assert client.get_table(plain.table).num_rows == 0


@pytest.mark.parametrize(
    "path", ["/$discovery/rest?version=v2", "/discovery/v1/apis/bigquery/v2/rest"]
)
def test_the_discovery_document_leads_to_the_server(server: Running, path: str) -> None:
    document = local(server, path)

    assert document["baseUrl"] == f"{server.rest}/bigquery/v2/"
    listing = document["resources"]["datasets"]["methods"]["list"]
    called = listing["path"].replace("{+projectId}", PROJECT)
    assert local(server, f"/bigquery/v2/{called}")["kind"] == "bigquery#datasetList"
