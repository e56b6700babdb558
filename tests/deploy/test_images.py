"""The four images, built for real and run as a platform runs them, until tweets are rows."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import pytest
from lock_part import part, pins

import containers
from builders import a_payload
from containers import SERVICES, Builder, Image, running
from standing_cloud import Cloud, standing
from tweetlog_ops.local_cloud import HOST, PROJECT, free_ports

pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
TWEETS = [str(1_590_000_000_000_000_000 + n) for n in range(50)]
NAMES = {"ops": "tweetlog-ops"}
# As a platform writes them: `command -v` says nothing and fails where there is none of them.
UNWANTED = ("gcc", "cc", "g++", "clang", "ld", "make", "uv", "pytest", "git", "curl", "wget")


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    reason = containers.missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tweetlog"
    cache.mkdir(parents=True, exist_ok=True)
    built = Builder(tmp_path_factory.mktemp("images"), cache)
    try:
        yield built
    finally:
        built.clear()


@pytest.fixture(scope="module")
def images(builder: Builder) -> Mapping[str, Image]:
    return {service: builder.build(service) for service in SERVICES}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with standing(tmp_path / "cloud") as stood:
        yield stood


def a_file(folder: Path) -> Path:
    folder.mkdir()
    lines = [json.dumps(a_payload(one, text=f"tweet {one} #tag")) for one in TWEETS]
    (folder / "tweets.ndjson").write_text("\n".join(lines) + "\n")
    return folder


def ask(image: Image, cloud: Cloud, *arguments: str) -> str:
    """Run the operator's command in its image against the local cloud."""
    done = containers.run(image, *arguments, "--project", PROJECT, environment=dict(cloud.asks))
    assert done.code == 0, done.err
    return done.out


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + containers.PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)


def test_the_images_bring_tweets_from_a_file_into_the_table(
    images: Mapping[str, Image], cloud: Cloud, tmp_path: Path
) -> None:
    enricher, loader = free_ports(2)
    assert "raw_events" in ask(images["ops"], cloud, "warehouse", "apply")
    cloud.create_topology(
        {"enricher": f"http://{HOST}:{enricher}/", "loader": f"http://{HOST}:{loader}/"}
    )

    with ExitStack() as stack:
        consumers = [
            stack.enter_context(
                running(
                    images[name],
                    "push",
                    log=tmp_path / f"{name}.log",
                    environment={**cloud.environment, **more, "PORT": str(port)},
                )
            )
            for name, port, more in (("loader", loader, cloud.loads), ("enricher", enricher, {}))
        ]
        for consumer in consumers:
            consumer.await_log('"message":"ready"')
        log = tmp_path / "ingestor.log"
        with running(
            images["ingestor"],
            "file",
            "/mnt/tweets.ndjson",
            log=log,
            environment=cloud.environment,
            folders={a_file(tmp_path / "input"): "/mnt"},
        ) as ingestor:
            assert ingestor.ended() == 0, ingestor.log()
        query = "SELECT COUNT(*) AS n FROM v_tweets WHERE hashtags[0].tag = 'tag'"
        await_that(lambda: cloud.warehouse.query(query).rows == ((len(TWEETS),),))

        assert "verify: clean" in ask(images["ops"], cloud, "verify")
        # Gently, as Kubernetes and Cloud Run end a process: what is in flight is finished.
        assert [consumer.end() for consumer in consumers] == [0, 0]


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_ends_at_sigterm_from_its_first_moment_on(
    images: Mapping[str, Image], service: str, tmp_path: Path
) -> None:
    # It waits for input that never comes, at the latest when everything is loaded.
    arguments = {"ingestor": ("file", "-"), "ops": ("verify", "--project", "p")}
    environment = {"TWEETLOG_PROJECT": "p", "PUBSUB_EMULATOR_HOST": "127.0.0.1:1", "PORT": "0"}
    if service == "loader":
        environment["TWEETLOG_BIGQUERY_WRITE_ENDPOINT"] = "127.0.0.1:1"
    with running(
        images[service],
        *arguments.get(service, ("pull",)),
        log=tmp_path / "log",
        environment=environment if service != "ops" else {},
    ) as container:
        while container.alive():
            container.signal(signal.SIGTERM)
            time.sleep(0.05)

    # 143 while it loads, as any process that SIGTERM ends; what it says itself after that.
    assert container.ended() in (0, 1, 143), container.log()


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_is_not_root_and_cannot_write(images: Mapping[str, Image], service: str) -> None:
    image = images[service]

    assert image.user == "65532:65532"
    done = containers.shell(
        image,
        "id -u; id -g; for one in / /app /venv /venv/bin /usr/lib; do"
        " touch $one/x 2>/dev/null && echo $one; done; touch /tmp/x && echo tmp;"
        " grep CapBnd /proc/self/status",
    )
    assert done.out.split() == ["65532", "65532", "tmp", "CapBnd:", "0" * 16]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_no_tools_tests_or_secrets(
    images: Mapping[str, Image], service: str
) -> None:
    image = images[service]

    found = containers.shell(image, f"command -v {' '.join(UNWANTED)}; command -v pip | grep venv")
    assert found.out == ""
    assert image.files("venv/lib/python*/site-packages/pip") == []
    assert [one for one in image.files("venv/**/test_*.py") if "/site-packages/tests/" in one] == []
    kept = {"ops": ["/app/entrypoint.py", "/app/warehouse"]}.get(service, ["/app/entrypoint.py"])
    assert sorted(image.files("app/*")) == kept
    assert [k for k in image.environment if re.search("TOKEN|SECRET|PASSWORD|CREDENTIAL", k)] == []
    assert sorted(image.environment) == [
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "SERVICE",
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_part_of_the_lock_and_its_own_code_alone(
    images: Mapping[str, Image], service: str
) -> None:
    package = NAMES.get(service, service)
    locked = {
        pin.name
        for pin in part(pins((ROOT / "requirements.lock").read_text()), ["tweetlog", package])
    }

    installed = {
        re.sub(r"[-_.]+", "-", Path(one).name.split("-")[0]).lower()
        for one in images[service].files("venv/lib/python*/site-packages/*.dist-info")
    }

    assert installed <= locked | {"tweetlog", package}
    assert {"tweetlog", package} <= installed
    # What is not installed is for other systems or other Pythons.
    assert locked - installed <= {"tzdata", "colorama", "typing-extensions", "grpcio", "numpy"}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_left_to_compile_at_the_start(images: Mapping[str, Image], service: str) -> None:
    image = images[service]
    script = (
        "import pathlib, sys\n"
        "for module in list(sys.modules.values()):\n"
        "    cached = getattr(getattr(module, '__spec__', None), 'cached', None)\n"
        "    if cached and not pathlib.Path(cached).exists(): print(module.__name__)\n"
    )
    module = "tweetlog_ops.cli" if service == "ops" else f"{service}.__main__"

    done = containers.shell(image, f'/venv/bin/python -c "import {module}\n{script}"')

    assert (done.code, done.out) == (0, ""), done.err


def test_the_enricher_has_its_model_unpacked(images: Mapping[str, Image]) -> None:
    (kept,) = images["enricher"].files("venv/lib/python*/site-packages/enricher/bayes.npz")
    script = "from enricher import bayes; print(bayes.kept(bayes.KEPT)['version'])"

    done = containers.shell(images["enricher"], f'/venv/bin/python -c "{script}"')

    assert (done.code, done.err) == (0, ""), kept
    assert done.out.strip() == metadata.version("py3langid")


def test_an_image_without_a_service_is_refused(builder: Builder) -> None:
    with pytest.raises(AssertionError, match="package-nobody"):
        builder.build("nobody")
