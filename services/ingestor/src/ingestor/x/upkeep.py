"""What is done now and again: what X says was read, and a file of rules that has changed."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ingestor.x import usage
from ingestor.x.answers import Refused
from ingestor.x.rulebook import Rulebook
from ingestor.x.rules import Existing
from ingestor.x.rules_file import RulesInvalid
from ingestor.x.state import Ledger, StateUnusable

log = logging.getLogger(__name__)

_RULES_SECONDS = 15.0
_USAGE_SECONDS = 3_600.0
# A billing month, and the days that X may be behind.
_DAYS = 32


class Requests(Protocol):
    """What X says was read."""

    def usage(self, days: int) -> Mapping[str, Any]:
        """Return it, for so many days back."""


class Upkeep:
    """Keeps budget and rules true.

    Args:
        api: what is asked.
        ledger: what we counted.
        rulebook: the rules.
        ready: whether the rules were put in order a first time.
        take: is given our rules when they have changed.
        app_id: count this app's usage alone.
        stop: when set, it ends.
        speed: divides every wait.
    """

    def __init__(
        self,
        api: Requests,
        *,
        ledger: Ledger,
        rulebook: Rulebook,
        ready: Callable[[], bool],
        take: Callable[[Sequence[Existing]], None],
        app_id: str,
        stop: threading.Event,
        speed: float = 1,
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._rulebook = rulebook
        self._ready = ready
        self._take = take
        self._app_id = app_id
        self._stop = stop
        self._speed = speed

    def run(self) -> None:
        """Look now and again, until a stop."""
        waited = _USAGE_SECONDS
        while not self._stop.is_set():
            if waited >= _USAGE_SECONDS:
                self.compare()
                waited = 0.0
            if self._ready() and self._rulebook.changed():
                self.reorder()
            self._stop.wait(_RULES_SECONDS / self._speed)
            waited += _RULES_SECONDS

    def compare(self) -> None:
        """Raise our count to what X says was read; others may use the project too."""
        try:
            days = usage.by_day(self._api.usage(_DAYS), self._app_id)
            if self._ledger.at_least(days, usage.spent):
                spent = self._ledger.spent
                log.warning(
                    "X has counted more Posts than we: now %d today, %d this month",
                    spent.today,
                    spent.this_month,
                )
        except (Refused, StateUnusable) as reason:
            log.warning("what X has counted could not be compared: %s", reason)

    def reorder(self) -> None:
        """Put the rules in order; an invalid file changes nothing."""
        try:
            self._take(self._rulebook.reconcile())
        except RulesInvalid as reason:
            log.error("the rules stay as they are: %s", "; ".join(reason.mistakes))  # noqa: TRY400 - the line says it all
        except Refused as reason:
            log.warning("the rules could not be put in order yet: %s", reason)
