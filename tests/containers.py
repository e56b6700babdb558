"""Builds the images for real and runs their processes as a platform does, without an engine.

`buildah` builds from the Dockerfile over a base made by `debootstrap`, which has the Python of the
base that the Dockerfile names. A process runs in a namespace of its own, as process 1, as the
image's user, on the image's files read-only, with the image's environment.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
SERVICES = ("ingestor", "enricher", "loader", "ops")
TOOLS = ("buildah", "debootstrap", "unshare", "chroot", "setpriv")
# Debian's name for the release that the Dockerfile's base is made of, and with it its Python.
RELEASE = "trixie"
PATIENCE = 280.0

_BASE = f"localhost/base:{RELEASE}"
# Trust whom this machine trusts, for a network that answers with certificates of its own.
_CERTIFICATES = Path("/etc/ssl/certs")


def missing() -> str:
    """Return why images cannot be built here, or nothing."""
    if os.geteuid() != 0:
        return "building images needs root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its configuration, and its files where they can be read."""

    root: Path
    environment: Mapping[str, str]
    command: Sequence[str]
    user: str
    folder: str

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.lexists(self.root / path.lstrip("/"))

    def files(self, pattern: str) -> list[str]:
        """Return the files whose path below the root matches."""
        return [f"/{one.relative_to(self.root)}" for one in self.root.glob(pattern)]


class Builder:
    """Builds images into a store of its own.

    Args:
        folder: takes the store.
        cache: keeps the base for the next time.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._cache = cache
        self._store = ["--root", str(folder / "store"), "--runroot", str(folder / "run")]
        self._mounted: list[str] = []

    def build(self, service: str) -> Image:
        """Build a service's image and mount it."""
        name = f"localhost/tweetlog/{service}"
        certificates = f"{_CERTIFICATES}:{_CERTIFICATES}:ro"
        options = ["--layers", "--isolation", "chroot", "--network", "host"]
        arguments = {"BASE": self._base(), "SERVICE": service}
        given = [one for k, v in arguments.items() for one in ("--build-arg", f"{k}={v}")]
        self._buildah(
            "build", *options, "--volume", certificates, *given, "--tag", name, str(REPOSITORY)
        )
        return self._mount(name)

    def clear(self) -> None:
        """Unmount and remove everything but the cache."""
        for container in self._mounted:
            self._buildah("umount", container)
        self._buildah("rmi", "--all", "--force")

    def _base(self) -> str:
        packed = self._cache / f"{RELEASE}.tar"
        if self._buildah("images", "--quiet", "--filter", f"reference={_BASE}").strip():
            return _BASE
        if not packed.exists():
            _bootstrap(packed)
        container = self._buildah("from", "scratch").strip()
        self._buildah("add", "--quiet", container, str(packed), "/")
        self._buildah("commit", "--quiet", "--rm", container, _BASE)
        return _BASE

    def _mount(self, name: str) -> Image:
        container = self._buildah("from", name).strip()
        self._mounted.append(container)
        root = Path(self._buildah("mount", container).strip())
        inspected = json.loads(self._buildah("inspect", "--type", "image", name))
        config: dict[str, Any] = inspected["OCIv1"]["config"]
        return Image(
            root=root,
            environment=dict(pair.split("=", 1) for pair in config["Env"]),
            command=tuple(config["Entrypoint"]) + tuple(config.get("Cmd") or ()),
            user=config["User"],
            folder=config["WorkingDir"],
        )

    def _buildah(self, *arguments: str) -> str:
        done = subprocess.run(
            ["buildah", *self._store, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"buildah {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout


def _bootstrap(packed: Path) -> None:
    """Make a small Debian with Python in it, and pack it."""
    folder = packed.with_suffix(".root")
    shutil.rmtree(folder, ignore_errors=True)
    packages = "python3,python3-venv,ca-certificates"
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", RELEASE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    draft = packed.with_suffix(".draft")
    subprocess.run(["tar", "-C", str(folder), "-cf", str(draft), "."], check=True)
    draft.rename(packed)
    shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended; processor seconds of everything that ran in it."""

    code: int
    out: str
    err: str
    cpu_seconds: float = 0.0


class Container:
    """An image's process while it runs."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log

    def log(self) -> str:
        """Return what it has logged so far."""
        return self._log.read_text(errors="replace")

    def await_log(self, text: str) -> None:
        """Wait until it has logged this."""
        self._await(lambda: text in self.log())

    def pid(self) -> int:
        """Return the number that this machine knows the container's process 1 by."""
        self._await(lambda: bool(self._children()))
        return self._children()[0]

    def _children(self) -> list[int]:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            return [int(one) for one in path.read_text().split()]
        except FileNotFoundError:
            return []

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send process 1 a signal and return the exit code."""
        os.kill(self.pid(), number)
        return self._process.wait(PATIENCE)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send process 1 a signal, if it runs already and still."""
        with suppress(ProcessLookupError):
            for pid in self._children():
                os.kill(pid, number)

    def ended(self) -> int:
        """Wait for the end and return the exit code."""
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        """End it however it is."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)

    def _await(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self._process.poll() is None, f"it ended: {self.log()}"
            assert time.monotonic() < deadline, f"waited in vain: {self.log()}"
            time.sleep(0.05)


def run(image: Image, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Run an image's process to its end."""
    before = os.times()
    done = subprocess.run(
        _command(image, image.command, arguments, environment or {}),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )
    after = os.times()
    used = after.children_user - before.children_user
    used += after.children_system - before.children_system
    return Ended(done.returncode, done.stdout, done.stderr, used)


def shell(image: Image, script: str) -> Ended:
    """Run a shell script in an image, as its user and on its read-only files."""
    command = _command(image, ("/bin/sh", "-c"), (script,), {})
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(
    image: Image,
    *arguments: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folders: Mapping[Path, str] | None = None,
) -> Iterator[Container]:
    """Run an image's process for as long as this takes.

    Args:
        image: the image.
        arguments: what its service is told.
        log: takes what it writes.
        environment: what it finds beside the image's own.
        folders: folders of this machine, and where the image has them, read-only.
    """
    command = _command(image, image.command, arguments, environment or {}, folders or {})
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True
        )
    container = Container(process, log)
    try:
        yield container
    finally:
        container.close()


# Bind the image's files read-only, give it an empty /tmp and its own /proc, and become its user.
# The last command is process 1 of the namespace.
_START = """
set -eu
root=$1 user=$2 group=$3 folder=$4; shift 4
mount --bind "$root" "$root"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done; shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -o remount,ro,bind "$root"
exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$group" --clear-groups \
  --bounding-set=-all --no-new-privs /usr/bin/env -i --chdir="$folder" "$@"
"""


def _command(
    image: Image,
    program: Sequence[str],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folders: Mapping[Path, str] | None = None,
) -> list[str]:
    user, group = image.user.split(":")
    mounts = [one for source, there in (folders or {}).items() for one in (str(source), there)]
    set_up = [str(image.root), user, group, image.folder, *mounts, "--"]
    variables = [f"{name}={value}" for name, value in {**image.environment, **environment}.items()]
    # Who starts it may die: then it dies as well.
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*space, "sh", "-c", _START, "sh", *set_up, *variables, *program, *arguments]
