"""EDGE: adds columns to tables for fields that have none yet, where that is switched on.

Never in the way of a row: the values stay in `extra` until the table has its column, and BigQuery
tells the writers when it has.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from loader.column import column_type

log = logging.getLogger(__name__)

# A table takes 10,000 columns for ever; an event with made-up names must not fill it.
_MOST_COLUMNS = 50
_ATTEMPTS = 5
_SECONDS = 30.0


class Growth:
    """Adds nullable columns in the background.

    Args:
        project: the project that the client works in.
        credentials: as for the writers; None for a local server.
        endpoint: `http://host:port` of a local server; empty for Google's.
    """

    def __init__(self, project: str, credentials: Any = None, endpoint: str = "") -> None:
        options = ClientOptions(api_endpoint=endpoint) if endpoint else None
        self._client = bigquery.Client(
            project,
            credentials=credentials or AnonymousCredentials(),  # type: ignore[no-untyped-call] # theirs
            client_options=options,
        )
        self._seen: set[tuple[str, str]] = set()
        self._work: SimpleQueue[tuple[str, dict[str, str]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._grow_for_ever, name="growth", daemon=True)
        self._thread.start()

    def of(self, table: str) -> Callable[[Mapping[str, Any]], None]:
        """Return what takes the fields without a column of `projects/P/datasets/D/tables/T`."""
        return lambda unknown: self._note(table, unknown)

    def close(self) -> None:
        """End after the work in hand."""
        self._work.put(None)
        self._thread.join(timeout=2.0)
        self._client.close()  # type: ignore[no-untyped-call] # theirs

    def _note(self, table: str, unknown: Mapping[str, Any]) -> None:
        new = {name: value for name, value in unknown.items() if (table, name) not in self._seen}
        if not new:
            return
        self._seen |= {(table, name) for name in new}
        types = {name: column_type(name, value) for name, value in new.items()}
        wanted = {name: type_ for name, type_ in types.items() if type_}
        if wanted and len(self._seen) <= _MOST_COLUMNS:
            self._work.put((table, wanted))
        else:
            log.warning("%s: no column for %s; kept in extra", table, ", ".join(sorted(new)))

    def _grow_for_ever(self) -> None:
        while (work := self._work.get()) is not None:
            table, columns = work
            try:
                self._grow(table, columns)
            except exceptions.GoogleAPIError as reason:
                # Nothing is lost: the values are in `extra`, and the next start tries again.
                log.error("%s: cannot add %s: %s", table, ", ".join(sorted(columns)), reason)  # noqa: TRY400 - its reason says all

    def _grow(self, path: str, columns: Mapping[str, str]) -> None:
        """Add the columns that are still missing; another loader may be at it too."""
        _, project, _, dataset, _, name = path.split("/")
        for attempt in range(_ATTEMPTS):
            table = self._client.get_table(f"{project}.{dataset}.{name}", timeout=_SECONDS)
            known = {field.name.lower() for field in table.schema}
            missing = [_field(*one) for one in columns.items() if one[0].lower() not in known]
            if not missing:
                return
            table.schema = [*table.schema, *missing]
            try:
                self._client.update_table(table, ["schema"], timeout=_SECONDS)
            except exceptions.PreconditionFailed:
                if attempt + 1 == _ATTEMPTS:
                    raise
                continue
            log.info("%s: added %s", path, ", ".join(field.name for field in missing))
            return


def _field(name: str, type_: str) -> bigquery.SchemaField:
    repeated = type_.startswith("ARRAY<")
    plain = type_.removeprefix("ARRAY<").removesuffix(">")
    return bigquery.SchemaField(
        name,
        plain,
        mode="REPEATED" if repeated else "NULLABLE",
        description="Added by the loader: a field of the event that had no column.",
    )
