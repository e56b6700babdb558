"""The rules of the filtered stream: what a file asks for against what X has.

Rules live on X's side, on the app, and everybody who uses the app shares them. Ours begin their
tag with a prefix of our own; a rule without it is somebody else's and is never touched.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that the file asks for.

    Attributes:
        tag: a name for it, without our prefix.
        value: the query, in X's operators.
        line: where it stands in the file, counted from 1.
    """

    tag: str
    value: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Existing:
    """A rule that X has. Its tag may be missing: X's schema has it optional."""

    id: str
    value: str
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done, in this order: retag, add, delete.

    Attributes:
        keep: ours, and still asked for.
        retag: a value of ours under another tag, and what it is to be. X cannot edit a tag and
            refuses a second rule with the same value, so that this one goes before it comes.
        add: what X does not have.
        delete: ours, and not asked for any more.
        shared: asked for, but there already under the tag of somebody else; X refuses it a
            second time, and its tweets come under that tag.
        others: rules of others, whose tweets this stream brings and bills all the same.
    """

    keep: tuple[Existing, ...] = ()
    retag: tuple[tuple[Existing, Rule], ...] = ()
    add: tuple[Rule, ...] = ()
    delete: tuple[Existing, ...] = ()
    shared: tuple[tuple[Existing, Rule], ...] = ()
    others: tuple[Existing, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.retag or self.add or self.delete)


def plan(wanted: Sequence[Rule], existing: Iterable[Existing], prefix: str) -> Plan:
    """Return how to get from what exists to what is wanted."""
    existing = tuple(existing)
    ours = {rule.value: rule for rule in existing if rule.tag.startswith(prefix)}
    others = {rule.value: rule for rule in existing if not rule.tag.startswith(prefix)}
    asked = {rule.value: rule for rule in wanted}
    return Plan(
        keep=tuple(
            rule
            for value, rule in ours.items()
            if value in asked and rule.tag == prefix + asked[value].tag
        ),
        retag=tuple(
            (rule, asked[value])
            for value, rule in ours.items()
            if value in asked and rule.tag != prefix + asked[value].tag
        ),
        add=tuple(
            rule for value, rule in asked.items() if value not in ours and value not in others
        ),
        delete=tuple(rule for value, rule in ours.items() if value not in asked),
        shared=tuple(
            (others[value], rule)
            for value, rule in asked.items()
            if value in others and value not in ours
        ),
        others=tuple(others.values()),
    )


def described(plan: Plan, prefix: str) -> list[str]:
    """Return the plan as lines for a person."""
    lines = [f"+ {prefix}{rule.tag}: {rule.value}  (line {rule.line})" for rule in plan.add]
    lines += [
        f"~ {prefix}{rule.tag}: {rule.value}  (was tagged {before.tag})"
        for before, rule in plan.retag
    ]
    lines += [f"- {rule.tag}: {rule.value}" for rule in plan.delete]
    lines += [f"= {rule.tag}: {rule.value}" for rule in plan.keep]
    lines += [
        f"! {rule.tag}: {rule.value}  (line {rule.line}: there already, of somebody else, "
        f"as {before.tag or before.id})"
        for before, rule in plan.shared
    ]
    lines += [
        f"  {rule.tag or rule.id}: {rule.value}  (of somebody else, untouched; it is delivered "
        "and billed here too)"
        for rule in plan.others
    ]
    return lines


def allowed(caps: Mapping[str, Any]) -> str:
    """Return X's own caps in words: its documents are not reliable about them."""
    project, app = caps.get("cap_per_project"), caps.get("cap_per_client_app")
    there = caps.get("project_rules_count")
    return f"X has {there} rules; it allows {app} for this app, {project} for the project"
