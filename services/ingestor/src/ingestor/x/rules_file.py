"""The file of rules, TOML or YAML: what it asks for, and on which line.

[[rules]]                              rules:
tag = "cats"                             - tag: cats
value = "cat lang:en -is:retweet"          value: cat lang:en -is:retweet
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from ingestor.x.rules import Rule
from tweetlog.errors import TweetlogError

# X's limit on a tag is not documented; with the prefix, this stays below what it is known to take.
_MAX_TAG = 100
_HEADER = re.compile(r"^\s*\[\[\s*rules\s*\]\]")
_KEYS = frozenset({"tag", "value"})
_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_EXAMPLE = "each rule has a tag and a value, see docs/x.md"
_SHAPE = "a rule has a tag and a value, such as {tag: cats, value: cat lang:en}"


class RulesInvalid(TweetlogError):  # noqa: N818 - named for what is true of the file
    """Raised with every mistake in a file of rules."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def rules(name: str, content: bytes) -> list[Rule]:
    """Return the rules that a file asks for.

    Args:
        name: the file's name; `.toml` is TOML, everything else YAML.
        content: what is in it.

    Raises:
        RulesInvalid: with every mistake and its line.
    """
    try:
        text = content.decode()
        entries = list(_toml(text) if name.endswith(".toml") else _yaml(text))
    except UnicodeDecodeError as reason:
        raise RulesInvalid([f"{name}: not UTF-8 at byte {reason.start}"]) from None
    except tomllib.TOMLDecodeError as reason:
        raise RulesInvalid([f"{name}: not TOML: {reason}"]) from None
    except yaml.YAMLError as reason:
        raise RulesInvalid([f"{name}: not YAML: {_where(reason)}"]) from None
    except _Shapeless as reason:
        raise RulesInvalid([f"{name}: {reason}"]) from None
    mistakes = [f"{name}, line {line}: {fault}" for line, fault in _mistakes(entries)]
    if mistakes:
        raise RulesInvalid(mistakes)
    return [Rule(entry["tag"].strip(), entry["value"].strip(), line) for line, entry in entries]


class _Shapeless(Exception):  # noqa: N818 - never leaves this module
    """The file is no list of rules."""


_Entry = tuple[int, Mapping[str, Any]]


def _toml(text: str) -> Iterator[_Entry]:
    document = tomllib.loads(text)
    found = document.pop("rules", None)
    if document:
        raise _Shapeless(f"{min(document)!r} is not known here; the file holds [[rules]]")
    if not isinstance(found, list):
        raise _Shapeless(f"no [[rules]] in it; {_EXAMPLE}")
    headers = [n for n, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    lines = headers if len(headers) == len(found) else [1] * len(found)
    for line, entry in zip(lines, found, strict=True):
        yield line, entry if isinstance(entry, dict) else {"": entry}


def _yaml(text: str) -> Iterator[_Entry]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise _Shapeless(f"no rules in it; {_EXAMPLE}")
    for key, node in root.value:
        if key.value != "rules":
            raise _Shapeless(f"{key.value!r} is not known here; the file holds rules")
        if not isinstance(node, yaml.SequenceNode):
            raise _Shapeless(f"rules is not a list; {_EXAMPLE}")
        for item in node.value:
            yield item.start_mark.line + 1, _mapping(item)


def _mapping(node: yaml.Node) -> Mapping[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        return {"": node.value}
    return {str(key.value): _scalar(value) for key, value in node.value}


def _scalar(node: yaml.Node) -> Any:
    if node.tag == _NULL:
        return None
    return node.value if node.tag == _TEXT else node


def _mistakes(entries: Sequence[_Entry]) -> Iterator[tuple[int, str]]:
    if not entries:
        yield 1, f"no rules in it; {_EXAMPLE}"
    tags: dict[str, int] = {}
    values: dict[str, int] = {}
    for line, entry in entries:
        faults = list(_faults(entry))
        yield from ((line, fault) for fault in faults)
        if not faults:
            for seen, name in ((tags, "tag"), (values, "value")):
                first = seen.setdefault(entry[name].strip(), line)
                if first != line:
                    yield line, f"the same {name} as on line {first}"


def _faults(entry: Mapping[str, Any]) -> Iterator[str]:
    if unknown := sorted(entry.keys() - _KEYS):
        yield f"{unknown[0]!r} is not known here; {_EXAMPLE}" if unknown[0] else _SHAPE
        return
    for name in ("tag", "value"):
        value = entry.get(name)
        if name not in entry:
            yield f"{name} is missing"
        elif value is None or value == "":
            yield f"{name} is empty; what begins with # needs quotes"
        elif not isinstance(value, str):
            yield f"{name} is not a text; put it in quotes"
        elif not value.strip() or not value.isprintable():
            yield f"{name} is blank or holds an unprintable character"
        elif name == "tag" and len(value) > _MAX_TAG:
            yield f"tag is longer than {_MAX_TAG} characters"


def _where(reason: yaml.YAMLError) -> str:
    mark = getattr(reason, "problem_mark", None)
    problem = getattr(reason, "problem", None) or "unreadable"
    return f"{problem} on line {mark.line + 1}" if mark else str(problem)
