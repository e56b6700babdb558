"""The page as files: what a server hands out, or one file that holds everything.

The charting library is uPlot (MIT), as the package youplot ships it; its files are those of uPlot's
own release, which their digests say.
"""

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tweetlog_ops.errors import CommandError

#: In the order in which they are loaded: each may use what stands before it.
SCRIPTS = ("cube.js", "text.js", "state.js", "charts.js", "panels.js", "health.js", "main.js")
STYLES = ("report.css",)
LIBRARY_SCRIPT, LIBRARY_STYLE = "uplot.iife.min.js", "uplot.min.css"
# Of uPlot 1.6.31 as published on npm, dist/uPlot.iife.min.js and dist/uPlot.min.css.
_DIGESTS = {
    LIBRARY_SCRIPT: "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2",
    LIBRARY_STYLE: "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}

#: Nothing from elsewhere, nothing inline, nobody may frame the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    type: str
    data: bytes


@cache
def file(name: str) -> File:
    """Return a file of the page.

    Raises:
        KeyError: if the page has no such file.
        CommandError: if the charting library is missing or not the one that it should be.
    """
    if name in _DIGESTS:
        return File(_TYPES[name.rsplit(".", 1)[1]], _library(name))
    if name not in {*SCRIPTS, *STYLES, "index.html", "icon.svg"}:
        raise KeyError(name)
    data = (files("tweetlog_ops.report") / "static" / name).read_bytes()
    return File(_TYPES[name.rsplit(".", 1)[1]], data)


def _library(name: str) -> bytes:
    try:
        data = (files("youplot") / "vendor" / name).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise CommandError("the charting library is missing: tweetlog-ops[report] has it") from None
    if hashlib.sha256(data).hexdigest() != _DIGESTS[name]:
        raise CommandError(f"{name} of youplot is not uPlot 1.6.31: install what the lock says")
    return data


_LINK = re.compile(r'\n\s*<link [^>]*href="static/([\w.-]+)"[^>]*>')
_SCRIPT = re.compile(r'\n\s*<script defer src="static/([\w.-]+)"></script>')


def exported(facts: bytes, health: bytes) -> str:
    """Return the page as one file that needs nothing else, not even a network.

    Args:
        facts: the table of counts, packed by gzip.
        health: the health of the pipeline, packed by gzip.
    """
    page = file("index.html").data.decode()
    styles = [_text(name) for name in _LINK.findall(page) if name.endswith(".css")]
    scripts = [_text(name) for name in _SCRIPT.findall(page)]
    page = _SCRIPT.sub("", _LINK.sub("", page))
    policy = (
        f"default-src 'none'; script-src {_sources(scripts)}; style-src {_sources(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = [f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">']
    head += [f"<style>{text}</style>" for text in styles]
    body = [_data("facts", facts), _data("health", health)]
    body += [f"<script>{text}</script>" for text in scripts]
    page = page.replace('<meta charset="utf-8">', "\n".join(['<meta charset="utf-8">', *head]))
    return page.replace("</body>", "\n".join([*body, "</body>"]))


def _text(name: str) -> str:
    text = file(name).data.decode()
    if "</script" in text or "</style" in text:
        raise ValueError(f"{name} would end the element that it is put into")
    return text


def _sources(texts: list[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)


def _data(name: str, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return f'<script type="application/octet-stream" id="{name}-data">{text}</script>'
