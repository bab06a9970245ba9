"""docs/scoring.md says what the code does: its tables, and its worked example."""

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from scoring.definition import DAY, FRESHNESS, ScoringModel
from scoring.explain import explain
from scoring.health import score
from scoring.metrics import signals
from scoring.problems import problems
from scoring.records import RECORD_METRICS
from scoring.series import KINDS
from tests.scoring.builders import BERLIN, NOW, accounts, facts, numbers, records, with_durations

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text()


def test_the_page_lists_every_metric_and_kind_and_no_other() -> None:
    table = PAGE[PAGE.index("| metric | kind") : PAGE.index("A 0 is given")]
    kinds = set(re.findall(r"^\| any series \| `(\w+)`", table, re.MULTILINE))
    metrics = set(re.findall(r"^\| `(\w+\.\w+)`", table, re.MULTILINE))

    assert kinds == set(KINDS) - {""}
    assert metrics == set(RECORD_METRICS)


def test_the_page_tells_which_metrics_need_a_window() -> None:
    for line in PAGE.splitlines():
        if found := re.match(r"\| (?:any series \| )?`([\w.]+)`", line):
            use = KINDS.get(found[1]) or RECORD_METRICS.get(found[1])
            if use is not None:
                shown = line.split("|")[4].strip()
                assert (
                    shown.split(",")[0]
                    == {"none": "–", "needed": "needed", "allowed": "optional"}[use.window]
                )


def test_the_page_shows_the_freshness_that_counts() -> None:
    shown = dict(re.findall(r"^\| ([\w, ]+) \| (\d+ d \| \d+ d \| \d+ d) \|$", PAGE, re.MULTILINE))
    expected = {
        topic or "series": " | ".join(
            f"{length // DAY} d" for length in (rule.fresh_for, rule.half_life, rule.expire_after)
        )
        for topic, rule in FRESHNESS.items()
    }

    assert {topic: text for topics, text in shown.items() for topic in topics.split(", ")} == expected


def test_the_worked_example_comes_out_as_written() -> None:
    example = PAGE[PAGE.index("### Worked example") :]
    table = tomllib.loads(re.findall(r"```toml\n(.*?)```", example, re.DOTALL)[0])
    model = TypeAdapter(ScoringModel).validate_python(with_durations(table)["model"])
    sunday = date(2026, 3, 1)
    known = facts(
        numbers(
            *(
                ("A", "usage.weekly_users", sunday - timedelta(days=day), 27.0 if day < 14 else 41.0)
                for day in range(28)
            )
        ),
        {"tickets": records("tickets", {"opened_at": NOW - DAY, "severity": "urgent"})},
    )

    seen = signals(known, accounts(), model, as_of=NOW, timezone=BERLIN)
    frame = score(seen, accounts(), model, as_of=NOW, refreshed_at=NOW, timezone=BERLIN, detail=True)
    (reason,) = explain(frame, seen, model)

    assert problems(model) == []
    assert frame.select("score", "band").rows() == [(63.0, "yellow")]
    ledger = re.findall(r"```\n(Start.*?)```", example, re.DOTALL)[0]
    assert [item.sentence for item in reason.rows] == ledger.splitlines()
