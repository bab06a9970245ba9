"""Says why a plan is unsafe, in domain terms and with numbers. Pure; it never fixes anything.

Each limit has a default here and a key in `[guard]`. Releasing a refused plan is a person's `approve`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from scoring.errors import Finding, Problem
from scoring.model import Band
from sync.values import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may do without asking (scoring.md c.11 for the first two).

    Shares are percent of the accounts that were scored.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    band_changes_percent: float = 10.0
    """More accounts than this changing band in one run is a data fault until somebody says otherwise."""
    band_changes_count: int = 5
    """Fewer than this never stop a run: in a small base one account is many percent."""
    newly_red_percent: float = 3.0
    newly_red_count: int = 5
    baseline_red_percent: float = 25.0
    """At the first publication there is no yesterday; a model that paints a quarter red is wrong."""
    leaving_percent: float = 10.0
    """Accounts whose fields would be cleared because they are no longer customers; a typo in `where` looks so."""
    leaving_count: int = 5
    tasks_per_run: int = 100
    """What a team can still work through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptiedSource:
    """A source, or the book of a CRM, that delivered much less than at its last complete reading."""

    setting: str
    """Its table in the configuration."""

    source: str
    stream: str
    before: int
    now: int


COLLAPSE_PERCENT = 50.0
"""A complete listing with fewer than half the records of the one before is not believed."""


def collapsed(before: int | None, now: int) -> bool:
    """Tell whether a complete listing shrank so much that it is a fault, not news."""
    if not before:
        return False
    return now < before * COLLAPSE_PERCENT / 100


def problems(limits: Limits) -> list[Problem]:
    """List the limits that are no limits."""
    return [
        Problem(
            key=f"guard.{limit.name}",
            message=f"{value:g} is not a limit",
            remedy=f"write a number from 0 on; without the key it is {limit.default:g}",
        )
        for limit in fields(limits)
        for value in (getattr(limits, limit.name),)
        if not (math.isfinite(value) and value >= 0)
    ]


def findings(plan: Plan, limits: Limits, emptied: Sequence[EmptiedSource] = ()) -> list[Finding]:
    """List every reason not to carry out the plan; an empty list means it is safe."""
    found = [
        Finding(
            rule="emptied_source",
            message=(
                f"{source.source}.{source.stream} delivered {source.now} records, {source.before} the time "
                "before; its last good values are kept"
            ),
            measured=float(source.now),
            limit=source.before * COLLAPSE_PERCENT / 100,
            setting=source.setting,
        )
        for source in emptied
    ]
    if plan.baseline:
        found += _baseline_findings(plan, limits)
    else:
        found += _change_findings(plan, limits)
    leaving = len(plan.leavers)
    allowed = max(float(limits.leaving_count), (plan.scored + leaving) * limits.leaving_percent / 100)
    if leaving > allowed:
        found.append(
            Finding(
                rule="mass_leave",
                message=f"{leaving} accounts would lose their fields because they are no longer selected",
                measured=float(leaving),
                limit=allowed,
                setting="guard.leaving_percent",
            )
        )
    if len(plan.tasks) > limits.tasks_per_run:
        found.append(
            Finding(
                rule="tasks_per_run",
                message=f"{len(plan.tasks)} tasks would open in one run",
                measured=float(len(plan.tasks)),
                limit=float(limits.tasks_per_run),
                setting="guard.tasks_per_run",
            )
        )
    return found


def _baseline_findings(plan: Plan, limits: Limits) -> list[Finding]:
    red = sum(1 for transition in plan.transitions if transition.after is Band.RED)
    allowed = max(float(limits.newly_red_count), plan.scored * limits.baseline_red_percent / 100)
    if red <= allowed:
        return []
    return [
        Finding(
            rule="baseline_red",
            message=f"{red} of {plan.scored} accounts would be published as red at once",
            measured=float(red),
            limit=allowed,
            setting="guard.baseline_red_percent",
        )
    ]


def _change_findings(plan: Plan, limits: Limits) -> list[Finding]:
    # Losing a score is no judgement of the customer, and coming back from that is none either.
    moved = [t for t in plan.transitions if t.before is not None and t.after is not Band.UNKNOWN]
    newly_red = [t for t in moved if t.after is Band.RED]
    rules = (
        (
            "mass_change",
            len(moved),
            max(float(limits.band_changes_count), plan.scored * limits.band_changes_percent / 100),
            "accounts would change band",
            "guard.band_changes_percent",
        ),
        (
            "mass_red",
            len(newly_red),
            max(float(limits.newly_red_count), plan.scored * limits.newly_red_percent / 100),
            "accounts would turn red",
            "guard.newly_red_percent",
        ),
    )
    return [
        Finding(
            rule=rule,
            message=f"{count} of {plan.scored} {what} in one run (at most {allowed:g} without approval)",
            measured=float(count),
            limit=allowed,
            setting=setting,
        )
        for rule, count, allowed, what, setting in rules
        if count > allowed
    ]
