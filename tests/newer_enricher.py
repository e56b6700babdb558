"""Another version of the enricher: a checkout of our own code, in which something is different."""

import shutil
from pathlib import Path

from enricher.enrich import ENRICHER_VERSION
from tweetlog_ops import project

#: The version that the changed enricher has.
NEWER_VERSION = ENRICHER_VERSION + 2
_COLUMNS = "        **draft.columns,\n"
# What was not told is English now, and everything was posted from one client.
_CHANGED = """\
        **draft.columns,
        "client": "newer",
        "language": {"und": "en"}.get(str(draft.columns["language"]), draft.columns["language"]),
"""


def a_newer_enricher(folder: Path) -> Path:
    """Return a checkout, made in `folder`, whose enricher has `NEWER_VERSION`."""
    for package in ("services/enricher", "shared"):
        shutil.copytree(project.root() / package / "src", folder / package / "src")
    core = folder / "services" / "enricher" / "src" / "enricher" / "enrich.py"
    text = core.read_text()
    before = [line for line in text.splitlines() if line.startswith("CORE_VERSION = ")]
    assert len(before) == 1
    assert text.count(_COLUMNS) == 1
    number = int(before[0].removeprefix("CORE_VERSION = "))
    text = text.replace(before[0], f"CORE_VERSION = {number + 1}")
    core.write_text(text.replace(_COLUMNS, _CHANGED))
    return folder
