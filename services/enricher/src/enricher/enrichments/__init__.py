"""The open door: every module in this folder is one enrichment.

It has a `VERSION` (1, and one more at each change of what comes out), a `SCHEMA` (a JSON Schema
for each of its columns) and a pure function of the module's own name from a post to those
columns. It may have a function `batch` from posts to columns, where work is cheaper together,
and a `COMPLETE` that is false where something it can do without is not installed.
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from enricher.post import Post

Columns = dict[str, object]


@dataclass(frozen=True, slots=True)
class Enrichment:
    """One kind of thing that a post implies.

    Attributes:
        schema: the JSON Schema of each column.
        single: a post's columns.
        batch: each post's columns, the same as `single` gives; None where that gains nothing.
        complete: whether all that it can use is installed; without it its results may differ.
    """

    name: str
    version: int
    schema: Mapping[str, object]
    single: Callable[[Post], Columns]
    batch: Callable[[Sequence[Post]], list[Columns]] | None
    complete: bool


def discovered(path: Iterable[str] = __path__, package: str = __name__) -> tuple[Enrichment, ...]:
    """Return the enrichments of a folder, by name.

    Raises:
        TypeError: if a module lacks a part, or two of them share a column.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    found = tuple(_enrichment(importlib.import_module(f"{package}.{name}")) for name in names)
    claims = Counter(column for one in found for column in one.schema)
    shared = sorted(column for column, count in claims.items() if count > 1)
    if shared:
        raise TypeError(f"{package}: more than one enrichment gives {', '.join(shared)}")
    return found


def _enrichment(module: ModuleType) -> Enrichment:
    name = module.__name__.rpartition(".")[2]
    missing = [part for part in ("VERSION", "SCHEMA", name) if not hasattr(module, part)]
    if missing:
        raise TypeError(f"{module.__file__}: an enrichment has {', '.join(missing)}")
    return Enrichment(
        name=name,
        version=module.VERSION,
        schema=module.SCHEMA,
        single=getattr(module, name),
        batch=getattr(module, "batch", None),
        complete=getattr(module, "COMPLETE", True),
    )
