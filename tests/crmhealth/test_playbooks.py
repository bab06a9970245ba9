"""Playbooks: a template that cannot work is found early, and one that fails all the same stops nothing."""

from datetime import date

import pytest
from structlog.testing import capture_logs

from crmhealth.playbooks import (
    DEFAULT_BODY,
    DEFAULT_SUBJECT,
    SPARSE,
    VARIABLES,
    Playbook,
    due_date,
    render,
    template_problems,
)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ acount }}", "unknown: acount"),
        ("{{ account", "is no template"),
        ("{{ 1/0 }}", "fails: division by zero"),
        ("{{ arr * 2 }}", "fails for an account without"),
        ("{{ score + 1 }}", "fails for an account without"),
        ("{{ renewal_on[0] }}", "fails for an account without"),
        ("{{ '%d' % segment }}", "fails"),
        ("{{ range(9999999) | list }}", "fails"),
        ("{{ segment }}", "is empty for an account without"),
        ("", "is empty"),
        (" \n", "is empty"),
    ],
)
def test_a_template_that_cannot_work_is_a_problem(template: str, message: str) -> None:
    found = template_problems("playbook[0]", Playbook(id="red", subject=template, body=template))

    assert [problem.key for problem in found] == ["playbook[0].subject", "playbook[0].body"]
    assert all(problem.message.startswith(message) for problem in found)


@pytest.mark.parametrize("template", [DEFAULT_SUBJECT, DEFAULT_BODY, "{{ account }}: {{ (arr or 0) * 2 }}"])
def test_a_template_that_works_for_every_account_is_none(template: str) -> None:
    assert template_problems("playbook[0]", Playbook(id="red", subject=template, body=template)) == []


@pytest.mark.parametrize(
    "template", ["{{ arr * 2 }}", "{{ 1/0 }}", "{{ acount }}", "{% if %}", "{{ segment }}"]
)
def test_a_template_that_fails_on_the_day_is_replaced_by_the_default(template: str) -> None:
    with capture_logs():
        subject = render(template, SPARSE, DEFAULT_SUBJECT)
        body = render(template, SPARSE)

    assert subject == "Acme turned red (None)"
    assert body == "…\n\nPlease call the customer by 2026-11-24."


def test_a_template_that_fails_is_named_in_the_log() -> None:
    with capture_logs() as logged:
        render("{{ arr * 2 }}", SPARSE)

    assert logged == [
        {
            "event": "template_failed",
            "playbook": "turned_red",
            "error": "TypeError",
            "log_level": "warning",
        }
    ]


def test_a_template_is_filled_in() -> None:
    assert render("{{ account }} owes {{ arr }}\n", VARIABLES, DEFAULT_SUBJECT) == "Acme owes 12000.0"


def test_business_days_leave_out_the_weekend() -> None:
    assert due_date(date(2026, 3, 6), 1) == date(2026, 3, 9)
    assert due_date(date(2026, 3, 7), 0) == date(2026, 3, 9)
