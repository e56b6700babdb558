"""The rules on X made to be those of the file; what is not ours stays as it is."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ingestor.loose import words
from ingestor.x.answers import Refused
from ingestor.x.rules import Existing, Plan, Rule, allowed, described, plan
from ingestor.x.rules_file import RulesInvalid, rules

log = logging.getLogger(__name__)

_DUPLICATE = "duplicate-rules"
_CAP = "RulesCapExceeded"


class Requests(Protocol):
    """What X does with rules."""

    def rules(self) -> list[Existing]:
        """Return every rule that X has."""

    def add_rules(
        self, rules: Sequence[Rule], prefix: str, *, dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """Add rules; return the errors about single ones."""

    def delete_rules(self, rules: Sequence[Existing]) -> None:
        """Delete rules."""

    def caps(self) -> Mapping[str, Any]:
        """Return how many rules there are, and may be."""


class Rulebook:
    """Our rules; safe for threads.

    Args:
        file: what is asked for.
        prefix: begins the tags of ours.
        api: what X has.
    """

    def __init__(self, file: Path, prefix: str, api: Requests) -> None:
        self._file = file
        self._prefix = prefix
        self._api = api
        self._content = b""
        self._lock = threading.Lock()

    def changed(self) -> bool:
        """Whether the file is not what it was when it was last put in order."""
        try:
            return self._file.read_bytes() != self._content
        except OSError:
            return False

    def plan(self) -> Plan:
        """Return what would be done, once X has looked at what is new.

        Raises:
            RulesInvalid: if the file or X finds a rule invalid.
        """
        made = plan(self._wanted(), self._api.rules(), self._prefix)
        if made.add:
            self._checked(
                made.add, lambda: self._api.add_rules(made.add, self._prefix, dry_run=True)
            )
        return made

    def reconcile(self) -> list[Existing]:
        """Make X's rules those of the file, and return ours as X has them.

        What is new is looked at by X first; where it finds a fault, nothing is changed. What is
        added comes before what goes, so that no tweet falls between them.

        Raises:
            RulesInvalid: if the file or X finds a rule invalid.
        """
        with self._lock:
            try:
                return self._reconciled()
            except Refused:
                self._content = b""  # to be tried again
                raise

    def _reconciled(self) -> list[Existing]:
        try:
            made, crowded = self.plan(), False
        except Refused as reason:
            if _CAP not in reason.ended.detail:
                raise
            made, crowded = plan(self._wanted(), self._api.rules(), self._prefix), True
            if not made.delete:
                raise RulesInvalid([f"{self._file}: too many rules for X: {reason}"]) from None
        for line in described(made, self._prefix):
            log.info("rules: %s", line)
        if made.others:
            log.warning(
                "%d rules of others on this app bring tweets here too, and each is paid for",
                len(made.others),
            )
        self._carry_out(made, crowded=crowded)
        self._tell_caps()
        return [one for one in self._api.rules() if one.tag.startswith(self._prefix)]

    def _tell_caps(self) -> None:
        try:
            log.info("rules: %s", allowed(self._api.caps()))
        except Refused as reason:
            log.warning("rules: X does not tell its caps: %s", reason)

    def _carry_out(self, made: Plan, *, crowded: bool) -> None:
        for before, rule in made.retag:
            self._api.delete_rules([before])
            self._add([rule])
        steps: list[Callable[[], None]] = []
        if made.add:
            steps.append(lambda: self._add(made.add))
        if made.delete:
            steps.append(lambda: self._api.delete_rules(made.delete))
        for step in reversed(steps) if crowded else steps:
            step()

    def _add(self, some: Sequence[Rule]) -> None:
        self._checked(some, lambda: self._api.add_rules(some, self._prefix))

    def _checked(
        self, some: Sequence[Rule], add: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> None:
        lines = {rule.value: rule.line for rule in some}
        mistakes = [
            f"{self._file}, line {lines.get(str(error.get('value')), '?')}: {_said(error)}"
            for error in add()
            if not str(error.get("type")).endswith(_DUPLICATE)
        ]
        if mistakes:
            raise RulesInvalid(mistakes)

    def _wanted(self) -> list[Rule]:
        try:
            self._content = self._file.read_bytes()
        except OSError as reason:
            raise RulesInvalid([f"{self._file}: {reason.strerror}"]) from None
        return rules(str(self._file), self._content)


def _said(error: Mapping[str, Any]) -> str:
    """Return X's own words about a rule."""
    said = [*words(error.get("details")), *words(error.get("detail"))] or [
        *words(error.get("title"))
    ]
    return " ".join(said) or "X takes it for invalid"
