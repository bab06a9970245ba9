"""docs/scoring-reasons.md: sentences, splits and other ways to write a score are those of the code."""

import re
from dataclasses import replace
from datetime import timedelta

import polars as pl

from scoring.change import change
from scoring.cohort import freeze
from scoring.definition import (
    DAY,
    model_hash,
)
from scoring.explain import explain
from scoring.formats import formats
from scoring.health import score
from scoring.metrics import signals
from scoring.problems import problems
from scoring.remedy import remedies
from scoring.side import Side
from scoring.standing import priority
from tests.scoring.builders import (
    BERLIN,
    NOW,
    a_model,
    a_signal,
    accounts,
    facts,
    numbers,
    records,
    scored,
    signal_frame,
)
from tests.scoring.pages import (
    MODEL,
    REASONS,
    SUNDAY,
    model_with,
    section,
    tables,
    toml,
)
from tests.scoring.sides import a_side


def worked() -> Side:
    """Give the account of the worked example."""
    known = facts(
        numbers(
            *(
                ("A", "usage.weekly_users", SUNDAY - timedelta(days=day), 27.0 if day < 14 else 41.0)
                for day in range(28)
            )
        ),
        {"tickets": records("tickets", {"opened_at": NOW - DAY, "severity": "urgent"})},
    )
    return Side(
        account_id="A",
        signals=signals(known, accounts(), MODEL, as_of=NOW, timezone=BERLIN),
        accounts=accounts(),
        model=MODEL,
        as_of=NOW,
        timezone=BERLIN,
        refreshed_at=NOW,
        previous=None,
        cohort=None,
    )


def quoted(heading: str) -> list[str]:
    return re.findall(r"```\n(.*?)\n```", section(REASONS, heading), re.DOTALL)


def test_the_worked_example_comes_out_as_written() -> None:
    side = worked()
    frame = score(
        side.signals, side.accounts, MODEL, as_of=NOW, refreshed_at=NOW, timezone=BERLIN, detail=True
    )
    (reason,) = explain(frame, side.signals, MODEL)
    ledger, details = quoted("Worked example")

    assert problems(MODEL) == []
    assert frame.select("score", "band").rows() == [(63.0, "yellow")]
    assert [item.sentence for item in reason.rows] == ledger.splitlines()
    assert reason.long == details


def test_the_change_is_split_as_written() -> None:
    before = {"users": 0.0, "users.prior": 41.0, "days": 28.0, "urgent": 0.0}
    after = {**before, "users": 27 / 41 - 1, "urgent": None}

    found = change(a_side(MODEL, before, as_of=NOW - 7 * DAY), a_side(MODEL, after))

    assert [found.text] == quoted("Why it changed")
    assert [str(row.points) for row in found.rows] == ["-30.2195", "-10.5549", "-0.2256"]


def test_the_way_back_is_the_one_that_is_written() -> None:
    ways = remedies(worked(), "green")

    assert [way.sentence for way in ways] == quoted("What would bring it back")
    assert [way.score for way in ways] == [79]


def test_a_score_is_written_in_every_way_as_shown() -> None:
    text = section(REASONS, "Every way to write the score")
    model = replace(a_model(a_signal("s")), formats=model_with(toml(text)[0]).formats)
    head, _, *rows = tables(text)[0]
    book = accounts("A", "B", "C", "D", segment=["X"] * 4)

    frame = scored(model, *({"s": float(row[0])} for row in rows), book=book)
    shown = formats(frame, book, model)

    names = [cell.strip("`") for cell in head]
    assert [
        [value if isinstance(value, str) else f"{value:.0f}" for value in row]
        for row in shown.select(names).rows()
    ] == rows


def test_priority_is_the_one_worked_out() -> None:
    frame = pl.DataFrame({"account_id": ["A"], "score": [40.0], "near": [1.0], "confidence": [0.8]})
    book = accounts(*"ABC", arr=[400.0, 100.0, 50.0])
    model = a_model(a_signal("s"))
    everybody = scored(model, {"s": 1}, {"s": 2}, {"s": 3}, book=book, detail=True)
    cohort = freeze(everybody, signal_frame(model, {"s": 1}, {"s": 2}, {"s": 3}), book)

    found = priority(frame, book, cohort=cohort)

    assert "0.6 · 2 · 2 · 0.9 = 2.16" in REASONS
    assert found["priority"].to_list() == [2.16]


def test_wording_is_no_new_model_and_numbers_are() -> None:
    first, *others = MODEL.signals

    reworded = replace(MODEL, signals=(*others, replace(first, label="Users", unit="people")))
    reweighed = replace(MODEL, signals=(replace(first, weight=4), *others))

    assert model_hash(reworded) == model_hash(MODEL)
    assert model_hash(reweighed) != model_hash(MODEL)
