"""Where the checkout is: the manifests and the warehouse's SQL are read from it."""

from pathlib import Path

from tweetlog_ops.errors import CommandError

_MARK = Path("warehouse") / "tables.sql"


def root() -> Path:
    """Return the checkout that holds this installed command, or the folder one stands in.

    Raises:
        CommandError: if neither is a checkout of tweetlog.
    """
    for folder in (*Path(__file__).resolve().parents, Path.cwd(), *Path.cwd().parents):
        if (folder / _MARK).is_file():
            return folder
    raise CommandError("not in a checkout of tweetlog: no warehouse/tables.sql found", exit_code=2)


def warehouse_sql() -> Path:
    """Return the folder of the warehouse's SQL."""
    return root() / "warehouse"


def platform_manifests() -> Path:
    """Return the folder of the manifests that declare the topology."""
    return root() / "k8s" / "base" / "platform"
