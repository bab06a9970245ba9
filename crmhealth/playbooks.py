"""Playbooks: what is done when an account turns red, and the task that asks somebody to do it.

Templates are Jinja in its sandbox, with exactly the variables of `VARIABLES`; a template that names another
one is found when the configuration is read, not on the day an account turns red.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar, Literal

import structlog
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment

from scoring.errors import Problem

log = structlog.get_logger()

# What a template does wrong, Python says in its own words: 1/0, None * 2, [][9], text where a number is meant.
TEMPLATE_FAILURES = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)

VARIABLES: Mapping[str, object] = {
    "account": "Acme",
    "score": 42,
    "band": "red",
    "before": "yellow",
    "reasons": "Weekly active users 41 → 27 (−34 %): −9.2",
    "details": "…",
    "segment": "enterprise",
    "arr": 12000.0,
    "renewal_on": "2026-12-31",
    "due_on": "2026-11-24",
    "playbook": "turned_red",
}
"""What a template may use, with sample values that every template is tried with."""

SPARSE: Mapping[str, object] = {**VARIABLES, "score": None, "segment": "", "arr": None, "renewal_on": ""}
"""An account of which little is known; every template is tried with it too."""

DEFAULT_SUBJECT = "{{ account }} turned red ({{ score }})"
DEFAULT_BODY = "{{ details }}\n\nPlease call the customer by {{ due_on }}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """One answer to one trigger."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    id: str
    trigger: Literal["entered_red"] = "entered_red"
    due_in_business_days: int = 2
    fallback_owner: str = ""
    """CRM id of the user who gets the task of an account without an active owner; empty: nobody."""
    subject: str = DEFAULT_SUBJECT
    body: str = DEFAULT_BODY


def environment() -> SandboxedEnvironment:
    """Make the sandbox in which templates run."""
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)


def template_problems(key: str, playbook: Playbook) -> list[Problem]:
    """Find what is wrong with the templates and limits of one playbook."""
    found = [
        Problem(key=f"{key}.{name}", message=message, remedy=remedy)
        for name, source in (("subject", playbook.subject), ("body", playbook.body))
        for message, remedy in _faults(source)[:1]
    ]
    if not 0 <= playbook.due_in_business_days <= 60:
        found.append(
            Problem(key=f"{key}.due_in_business_days", message="out of range", remedy="write 0 to 60")
        )
    if not playbook.id or len(playbook.id) > 40:
        found.append(Problem(key=f"{key}.id", message="must have 1 to 40 characters", remedy="shorten it"))
    return found


def _faults(source: str) -> list[tuple[str, str]]:
    sandbox = environment()
    try:
        unknown = sorted(meta.find_undeclared_variables(sandbox.parse(source)) - set(VARIABLES))
    except TemplateError as exc:
        return [(f"is no template: {exc}", "mend it; it is Jinja")]
    if unknown:
        return [(f"unknown: {', '.join(unknown)}", f"the variables are: {', '.join(VARIABLES)}")]
    found = []
    for values, account in (
        (VARIABLES, ""),
        (SPARSE, " for an account without score, segment, arr and renewal date"),
    ):
        try:
            text = _filled(source, values)
        except TEMPLATE_FAILURES as exc:
            found.append((f"fails{account}: {exc}", "mend it; what may be absent is written {{ arr or 0 }}"))
        else:
            if not text:
                found.append((f"is empty{account}", "write some words that are always there"))
    return found


def render(source: str, values: Mapping[str, Any], default: str = DEFAULT_BODY) -> str:
    """Fill in a template; where it fails all the same, or says nothing, fill in the default instead.

    A task that reads plainly is better than none, and than a cycle that stops for it.
    """
    try:
        text = _filled(source, values)
    except TEMPLATE_FAILURES as exc:
        log.warning("template_failed", playbook=values.get("playbook"), error=type(exc).__name__)
        text = ""
    return text or _filled(default, values)


def _filled(source: str, values: Mapping[str, Any]) -> str:
    return environment().from_string(source).render(values).strip()


def due_date(start: date, business_days: int) -> date:
    """Count business days (Monday to Friday) from a day; 0 gives the day itself or the next business day."""
    day = start
    while day.weekday() >= 5:
        day += timedelta(days=1)
    for _ in range(business_days):
        day += timedelta(days=1)
        while day.weekday() >= 5:
            day += timedelta(days=1)
    return day


def first(playbooks: Sequence[Playbook], trigger: str) -> Playbook | None:
    """Give the first playbook with this trigger."""
    return next((playbook for playbook in playbooks if playbook.trigger == trigger), None)
