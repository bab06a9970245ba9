"""The pages about scoring say what the code does: their tables, and every number worked by hand."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter

from scoring.curves import Frame, points
from scoring.definition import (
    DAY,
    FRESHNESS,
    Renewal,
    ScoringModel,
    Signal,
)
from scoring.metrics import signals
from scoring.problems import problems
from scoring.records import RECORD_METRICS
from scoring.series import KINDS
from tests.scoring.builders import (
    BERLIN,
    NOW,
    TO_100,
    a_model,
    a_signal,
    accounts,
    facts,
    numbers,
    records,
    remembered,
    scored,
)
from tests.scoring.pages import (
    CURVES,
    DOCS,
    MODEL,
    PAGE,
    REASONS,
    RULES,
    SUNDAY,
    TODAY,
    Row,
    body,
    model_with,
    section,
    short,
    tables,
    toml,
)

# --- every page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [PAGE, RULES, REASONS], ids=["scoring", "rules", "reasons"])
def test_every_table_on_the_pages_makes_a_valid_model(page: str) -> None:
    found = [model_with(block) for block in toml(page) if "model" in block]

    assert found
    assert [problem for model in found for problem in problems(model)] == []


def test_links_between_the_pages_lead_to_headings() -> None:
    pages = {
        "scoring.md": PAGE,
        "curves.md": CURVES,
        "scoring-rules.md": RULES,
        "scoring-reasons.md": REASONS,
    }
    pages["models.md"] = (DOCS / "models.md").read_text()
    anchors = {
        name: {
            re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        for name, text in pages.items()
    }

    broken = [
        (name, target, anchor)
        for name, text in pages.items()
        for target, anchor in re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", text)
        if anchor not in anchors[target or name]
    ]

    assert broken == []


# --- signals -----------------------------------------------------------------------------------------------


def test_the_page_lists_every_metric_and_kind_and_no_other() -> None:
    table = PAGE[PAGE.index("| metric | kind") : PAGE.index("A 0 is given")]
    kinds = set(re.findall(r"^\| any series \| `(\w+)`", table, re.MULTILINE))
    metrics = set(re.findall(r"^\| `(\w+\.\w+)`", table, re.MULTILINE))

    assert kinds == set(KINDS) - {""}
    assert metrics == set(RECORD_METRICS)


def test_the_page_tells_which_metrics_need_a_window() -> None:
    for line in section(PAGE, "Signals").splitlines():
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


def signal_of(block: Mapping[str, Any]) -> Signal:
    (raw,) = block["model"]["signal"]
    return TypeAdapter(Signal).validate_python(raw)


def described(frame: pl.DataFrame, signal: Signal) -> Row:
    """Value and points of the one account, or the state where there is no value."""
    value, state = frame.select(f"{signal.id}.value", f"{signal.id}.state").row(0)
    if value is None:
        return [str(state).replace("_", " "), ""]
    nobody = Frame(tenure_days=pl.lit(None), segment=pl.lit(None))
    worth = pl.select(points(signal.normalise, pl.lit(value), nobody)).item()
    return [short(value), f"{worth:.1f}"]


def test_ratios_come_out_as_written() -> None:
    text = section(PAGE, "Ratios, words, and signals for some")
    signal = signal_of(toml(text)[0])
    rows = body(text, 0)

    found = []
    for users, licences, *_ in rows:
        given = [] if users == "none" else [("A", "usage.weekly_users", SUNDAY, float(users))]
        book = accounts(licences=[float(licences)])
        seen = signals(facts(numbers(*given)), book, a_model(signal), as_of=NOW, timezone=BERLIN)
        found.append([users, licences, *described(seen, signal)])

    assert found == rows


def test_words_come_out_as_written() -> None:
    text = section(PAGE, "Ratios, words, and signals for some")
    signal = signal_of(toml(text)[1])
    rows = body(text, 1)

    found = []
    for plan, segment, *_ in rows:
        book = accounts(plan=[plan], segment=[segment])
        seen = signals(facts(), book, a_model(signal), as_of=NOW, timezone=BERLIN)
        found.append([plan, segment, *described(seen, signal)])

    assert found == rows


@pytest.mark.parametrize("count, value", [(1, 0.417), (10, 0.167)])
def test_few_ratings_are_drawn_towards_the_prior_as_written(count: int, value: float) -> None:
    rating = a_signal("rating", metric="tickets.rating")
    bad = {"opened_at": NOW - DAY, "rated_at": NOW - DAY, "rating": 0.0}

    given = facts(record_rows={"tickets": records("tickets", *[bad] * count)})
    seen = signals(given, accounts(), a_model(rating), as_of=NOW, timezone=BERLIN)

    assert f"{value}" in section(PAGE, "Ratios, words, and signals for some")
    assert round(seen["rating.value"][0], 3) == value


def test_the_load_of_tickets_is_the_one_worked_out() -> None:
    text = section(PAGE, "Ratios, words, and signals for some")
    severity = tomllib.loads(re.findall(r"`(severity = {.*?})`", text)[0])["severity"]
    load = a_signal("load", metric="tickets.load", severity=severity)
    rows = ({"opened_at": NOW - 7 * DAY, "severity": "urgent"}, {"opened_at": NOW, "severity": None})

    given = facts(record_rows={"tickets": records("tickets", *rows)})
    seen = signals(given, accounts(), a_model(load), as_of=NOW, timezone=BERLIN)

    assert "= 6, a new one without a severity 1, together 7" in text
    assert seen["load.value"].to_list() == [7.0]


def test_weeks_are_compared_with_weeks_as_written() -> None:
    rows = body(section(PAGE, "Ratios, words, and signals for some"), 2)

    found = []
    for kind, totals, _ in rows:
        weeks = [float(total) for total in reversed(totals.split(", "))]
        given = numbers(
            *(("A", "usage.n", SUNDAY - 7 * back * DAY, total) for back, total in enumerate(weeks))
        )
        signal = a_signal("n", metric="usage.n", kind=kind.strip("`"))
        seen = signals(facts(given), accounts(), a_model(signal), as_of=NOW, timezone=BERLIN)
        value = seen["n.value"][0]
        found.append([kind, totals, "no data" if value is None else f"{round(value, 3):g}"])

    assert found == rows


# --- from signals to a number ------------------------------------------------------------------------------


def of_points(model: ScoringModel) -> ScoringModel:
    """Give the model with signals that are worth their value."""
    return replace(model, signals=tuple(replace(s, normalise=TO_100) for s in model.signals), caps=())


def test_weight_of_what_is_missing_goes_where_the_page_says() -> None:
    text = section(PAGE, "From signals to a number")
    models = of_points(MODEL), of_points(model_with(toml(text)[0]))
    worth = {"users": 40, "days": 80, "urgent": 100}
    rows = body(text)

    found = []
    for name, *_ in rows:
        row = {key: None if key in name.split(", ") else value for key, value in worth.items()}
        by_category, flat = (scored(model, row) for model in models)
        scores = [frame["score"][0] for frame in (by_category, flat)]
        assert by_category["coverage"][0] == pytest.approx(flat["coverage"][0])
        found.append(
            [name, *(short(value) or "unknown" for value in scores), f"{by_category['coverage'][0]:.0%}"]
        )

    assert models[1].redistribute == "flat"
    assert [[cell.replace("%", " %") if "%" in cell else cell for cell in row] for row in found] == rows


def test_mixed_signals_are_mixed_as_worked_out() -> None:
    model = of_points(MODEL)

    frame = scored(
        model, {"users": 100, "days": 100, "urgent": 40}, {"users": 100, "days": 100, "urgent": 49}
    )

    assert "make 76 and deviate by 29.4: mixed" in section(PAGE, "From signals to a number")
    assert frame.select("score", "mixed").rows() == [(76.0, True), (80.0, False)]


def weight_of(frame: pl.DataFrame, *names: str) -> str:
    return f"{100 * sum(frame[f'{name}.weight'][0] for name in names):.1f} %"


def test_the_weight_of_a_category_grows_with_a_near_renewal_as_written() -> None:
    text = section(PAGE, "Renewal")
    given = model_with(toml(text)[0])
    members = (a_signal("use", category="usage"), a_signal("terms", category="contract"))
    chosen = tuple(item for item in given.categories if item.id != "support")
    model = a_model(*members, categories=chosen, renewal=given.renewal)
    days, _, shown = tables(text)[0]

    found = [
        weight_of(
            scored(
                model,
                {"use": 80, "terms": 40},
                book=accounts(renewal_on=[TODAY + int(day) * DAY]),
                detail=True,
            ),
            "terms",
        )
        for day in days[1:]
    ]

    assert given.renewal == Renewal(boost={"contract": 1.0})
    assert [shown[0], *found] == shown


def test_profiles_come_out_as_written() -> None:
    text = section(PAGE, "Profiles")
    model = model_with(toml(text)[0])
    rows = body(text)

    found = []
    for name, *_ in rows:
        age = re.match(r"(\d+) days old(?:, (\w+))?", name)
        assert age
        book = accounts(created_on=[TODAY - int(age[1]) * DAY], segment=[age[2]])
        frame = scored(model, {"users": 0.0, "days": 14, "urgent": 0}, book=book, detail=True)
        found.append(
            [name, frame["profile"][0], weight_of(frame, "users", "days"), f"{frame['days.score'][0]:.1f}"]
        )

    assert found == rows


def test_weights_pass_over_as_written() -> None:
    text = section(PAGE, "Profiles")
    model = model_with(toml(text)[0])
    days, _, shown = tables(text)[1]
    row = {"users": 0.0, "days": 14, "urgent": 0}
    book = accounts(created_on=[TODAY - 89 * DAY])
    before = scored(model, row, book=book, detail=True)
    previous = remembered(before)

    found = []
    for day in days[1:]:
        as_of = NOW + (1 + int(day)) * DAY
        frame = scored(model, row, book=book, as_of=as_of, previous=previous, detail=True)
        previous = remembered(frame)
        found.append(weight_of(frame, "users", "days"))

    assert before["profile"].to_list() == ["new"]
    assert [shown[0], *found] == shown
