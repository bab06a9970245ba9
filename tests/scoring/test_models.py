"""The ready-made models: each is valid, judges a made-up company as its page says, and shows what it is for."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from scoring.definition import ScoringModel
from scoring.formats import formats
from scoring.health import score
from scoring.lints import effective_percentages, lints
from scoring.metrics import signals
from scoring.model import TOPICS
from scoring.problems import problems
from tests.scoring.builders import (
    BERLIN,
    NOW,
    a_model,
    a_signal,
    accounts,
    facts,
    numbers,
    records,
    remembered,
    scored,
    streams,
)
from tests.scoring.made_up import BOOK, DAY, FOLDER, NAMES, SERIES, SUNDAY, judged, ready_made, world

MODELS = sorted(path.stem for path in FOLDER.glob("*.toml"))
FIELDS = frozenset({"segment", "created_on", "renewal_on", "licences"})
PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()

SIMPLE = a_model(a_signal("s"))

EXPECTED: dict[str, tuple[tuple[float, str], ...]] = {
    "advocacy": ((99, "green"), (54, "yellow"), (44, "red")),
    "colours": ((92, "green"), (52, "yellow"), (22, "red")),
    "expansion": ((87, "green"), (50, "yellow"), (19, "red")),
    "glossary": ((94, "green"), (75, "green"), (19, "red")),
    "letters": ((98, "green"), (81, "green"), (65, "yellow")),
    "lifecycle": ((96, "green"), (74, "yellow"), (41, "red")),
    "ranking": ((89.6, "green"), (63.5, "yellow"), (26.1, "red")),
    "scale10": ((100, "green"), (97, "green"), (74, "green")),
    "scorecard": ((100, "green"), (70, "yellow"), (39, "red")),
    "starter": ((97, "green"), (97, "green"), (29, "red")),
    "words": ((100, "green"), (92, "green"), (43, "red")),
}
"""Scores and bands of thriving, coasting and fading."""


@pytest.mark.parametrize("name", MODELS)
def test_a_ready_made_model_is_valid_and_needs_no_field_that_its_page_does_not_name(name: str) -> None:
    model = ready_made(name)

    needed = set(re.findall(r"`(\w+)`", _row(name)[3]))

    assert problems(model, account_fields=needed | {"renewal_on"}, series_topics=SERIES) == []
    assert needed <= FIELDS


@pytest.mark.parametrize("name", MODELS)
def test_all_there_is_to_say_against_a_ready_made_model_is_that_nobody_has_reviewed_it(name: str) -> None:
    found = lints(ready_made(name), today=date(2026, 3, 2), account_fields=FIELDS)

    assert [lint.key for lint in found] == ["model.reviewed_on"]


@pytest.mark.parametrize("name", MODELS)
def test_a_ready_made_model_tells_three_customers_apart(name: str) -> None:
    frame = judged(ready_made(name), world())

    assert frame["account_id"].to_list() == list(NAMES)
    assert tuple(frame.select("score", "band").rows()) == EXPECTED[name]


@pytest.mark.parametrize("name", MODELS)
def test_a_ready_made_model_works_with_one_source_alone(name: str) -> None:
    model = ready_made(name)
    known = world()
    usage = known.numbers.filter(pl.col("topic") == "usage")
    alone = facts(usage, {}, {"usage": NAMES}, streams(usage=NOW))

    frame = judged(model, alone)

    assert frame["score"].null_count() == 0
    assert frame["coverage"].to_list() == [1.0, 1.0, 1.0]


def _row(name: str) -> list[str]:
    """The cells of a model's row: name, what for, sources, account fields, weights."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_lists_every_model_and_no_other() -> None:
    table = PAGE[PAGE.index("| model |") : PAGE.index("In brackets")]

    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_the_page_names_the_sources_a_model_looks_at(name: str) -> None:
    model = ready_made(name)
    metrics = [signal.metric for signal in model.signals]
    metrics += [text for rule in model.points for text in (rule.metric, rule.then) if text]
    series: dict[str, set[str]] = {}
    for metric in metrics:
        topic, _, of = metric.partition(".")
        if topic != "account":
            series.setdefault(topic, set()).update({of} if topic not in TOPICS else ())
    for signal in model.signals:
        if signal.per and not signal.per.startswith("account."):
            series[signal.topic].add(signal.per.partition(".")[2])

    shown = {
        topic: set(re.findall(r"\w+", inside or ""))
        for topic, inside in re.findall(r"`(\w+)`(?: \(([\w, ]+)\))?", _row(name)[2])
    }

    assert shown == series


@pytest.mark.parametrize("name", MODELS)
def test_the_page_names_the_weights_of_a_model(name: str) -> None:
    model = ready_made(name)
    percents: dict[str, float] = {}
    shares = effective_percentages(model)
    for signal in model.signals:
        percents[signal.category] = percents.get(signal.category, 0) + shares[signal.id]
    labels = {category.id: category.label.lower() for category in model.categories}

    shown = {label.strip().lower(): float(part) for label, part in _weights(_row(name)[4])}

    assert shown == {labels[category]: round(percent, 6) for category, percent in percents.items()}


def _weights(cell: str) -> list[tuple[str, str]]:
    return re.findall(r"([^·]+?) (\d+)(?: · |$)", cell)


# --- glossary: the textbook's alarm ----------------------------------------------------------------------


def _content(users_from: date, users_after: float) -> Any:
    """An account of 20 users that is worth 90 points, until `users_from`, when its users become fewer."""
    rows = []
    for back in range(-20, 120):
        day = SUNDAY - back * DAY
        rows += [
            ("A", "usage.active_users", day, users_after if day >= users_from else 20.0),
            ("A", "usage.features", day, 5.0),
            ("A", "engagement.trainings", day, 1 / 28),
        ]
    # 6 mails in any four weeks
    rows += [
        ("A", "engagement.emails_opened", SUNDAY - back * DAY, 1.5)
        for back in range(-20, 120)
        if back % 7 == 0
    ]
    rated = {"answered_at": NOW - 10 * DAY, "kind": "nps", "score": 7.0, "observed_at": NOW - 10 * DAY}
    running = {"started_at": NOW - 400 * DAY, "observed_at": NOW - 10 * DAY}
    matched = dict.fromkeys(("usage", "engagement", "tickets", "surveys", "subscriptions"), ("A",))
    return (
        numbers(*rows),
        {
            "tickets": records("tickets"),
            "surveys": records("surveys", rated),
            "subscriptions": records("subscriptions", running),
        },
        matched,
    )


def _day_by_day(model: ScoringModel, content: Any, days: int) -> list[dict[str, Any]]:
    """Score account A once a day, each time with what the day before has left."""
    series, of_records, matched = content
    book = accounts("A", created_on=[date(2024, 1, 1)])
    previous, found = None, []
    for day in range(days):
        now = NOW + day * DAY
        known = facts(
            series.filter(pl.col("observed_at") <= now),
            of_records,
            matched,
            streams(**dict.fromkeys(matched, now)),
        )
        seen = signals(known, book, model, as_of=now, timezone=BERLIN)
        frame = score(
            seen, book, model, as_of=now, refreshed_at=now, timezone=BERLIN, previous=previous, detail=True
        )
        previous = remembered(frame)
        found.append(frame.row(0, named=True))
    return found


def test_an_account_of_90_points_turns_yellow_on_the_day_its_users_have_fallen_by_30_percent_in_two_weeks() -> (
    None
):
    first_day_of_14_users = SUNDAY + DAY
    life = _day_by_day(ready_made("glossary"), _content(first_day_of_14_users, 14.0), days=17)

    before, turned = life[0], life[14]
    assert (before["score"], before["band"]) == (90.0, "green")
    assert [day["band"] for day in life] == ["green"] * 14 + ["yellow"] * 3
    assert [day["cap.users_fell.state"] for day in life[12:15]] == ["off", "off", "on"]
    # what opens the task of the playbook for yellow: the band was entered in this run, and it is news
    assert (turned["entered_from"], turned["score"]) == ("green", 74.0)
    assert (turned["migrated"], turned["data_change"], turned["flapping"]) == (False, False, False)
    assert [day["entered_from"] for day in life[15:]] == [None, None]
    # without the cap the other signals would have kept it green
    assert (turned["composite"], turned["users_trend.score"]) == (82.0, 50.0)


def test_an_account_whose_users_fall_by_less_stays_green() -> None:
    life = _day_by_day(ready_made("glossary"), _content(SUNDAY + DAY, 14.2), days=17)

    assert {day["band"] for day in life} == {"green"}


# --- lifecycle: the same behaviour at three ages ---------------------------------------------------------


def test_the_same_behaviour_is_judged_by_how_long_somebody_has_been_a_customer() -> None:
    model = ready_made("lifecycle")
    names = ("new", "young", "old", "nobody_knows")
    since = [date(2026, 1, 10), date(2025, 6, 1), date(2023, 1, 1), None]
    rows = [
        (name, metric, SUNDAY - back * DAY, value)
        for name in names
        for back in range(120)
        for metric, value in (("usage.active_users", 10.0), ("usage.features", 2.0))
        if back % 4 == 0
    ]
    opened = [
        {"account_id": name, "opened_at": NOW - place * DAY} for name in names for place in (2, 4, 6, 8)
    ]
    known = facts(
        numbers(*rows),
        {"tickets": records("tickets", *opened)},
        {"usage": names, "tickets": names},
        streams(usage=NOW, tickets=NOW),
    )

    frame = judged(model, known, accounts(*names, created_on=since), detail=True)

    points = frame.select(pl.col("active_days.score", "tickets.score", "users_trend.score").round(2))
    assert frame["profile"].to_list() == ["onboarding", "growing", "mature", ""]
    assert points.rows() == [
        (87.5, 95.0, None),  # 7 of 8 days, questions are welcome, too new for a trend
        (58.33, 80.0, 50.0),  # 7 of 12 days, growth is expected
        (43.75, 53.33, 90.0),  # 7 of 16 days, few tickets are forgiven
        (43.75, 80.0, 90.0),
    ]
    # adoption is features alone (2 of 5: 40 points), and there is no source for the contract:
    # (50 · 40 + 30 · 87.5 + 10 · 95) / 90, then (30 · 40 + 40 · 54.17 + 15 · 80) / 85, and so on
    assert frame["score"].to_list() == [62.0, 54.0, 60.0, 63.0]


# --- scorecard: points for events ------------------------------------------------------------------------


def test_three_days_in_a_row_on_the_pricing_page_and_a_question_give_five_points_that_fade() -> None:
    frame = judged(ready_made("scorecard"), world())

    # the question came on Sunday's eve, 30 hours before now: 5 · (1 − 1.25 / 30)
    assert frame["events.buying_interest.points"].to_list() == [47_917, 0, 0]
    # a score cannot be above 100
    assert frame["events.limit.points"].to_list() == [-47_917, 0, 0]


def test_a_bad_review_takes_five_points_which_halve_in_a_month() -> None:
    now = {"account_id": "coasting", "kind": "review", "answered_at": NOW, "score": 1.0}

    frame = judged(ready_made("scorecard"), world(bad=("surveys", now)))

    # fading wrote its own 30 days ago
    assert frame["events.bad_review.points"].to_list() == [0, -50_000, -25_000]
    assert frame["score"].to_list() == [100.0, 65.0, 39.0]


# --- one score, many ways to write it --------------------------------------------------------------------


def _every_score(name: str) -> pl.DataFrame:
    """All whole scores from 0 to 100 under the cuts and formats of a model."""
    shape = ready_made(name)
    model = ScoringModel(
        version="every score",
        categories=SIMPLE.categories,
        signals=SIMPLE.signals,
        bands=shape.bands,
        formats=shape.formats,
    )
    frame = scored(model, *({"account_id": f"{value:03}", "s": float(value)} for value in range(101)))
    return formats(frame, frame.select("account_id"), model)


@pytest.mark.parametrize("name, column", [("scale10", "scale10"), ("letters", "letter")])
def test_once_bands_have_settled_no_number_out_of_ten_and_no_letter_has_two_colours(
    name: str, column: str
) -> None:
    pairs = _every_score(name).select(column, "band").unique()

    assert pairs[column].n_unique() == pairs.height == {"scale10": 10, "letter": 5}[column]


def test_numbers_out_of_ten_letters_and_words_of_the_three_customers() -> None:
    def written(name: str, column: str) -> list[object]:
        model = ready_made(name)
        return formats(judged(model, world()), BOOK, model)[column].to_list()

    assert written("scale10", "scale10") == [10, 10, 8]
    assert written("letters", "letter") == ["A", "B", "D"]
    assert written("words", "word") == ["healthy", "healthy", "critical"]
    assert written("expansion", "word") == ["ready", "watch", "not now"]
    assert written("advocacy", "word") == ["ask", "maybe later", "do not ask"]


def test_an_account_nobody_knows_anything_of_has_a_word_and_no_number() -> None:
    model = ready_made("words")
    known = world()
    book = accounts(*NAMES, "silent")

    last = formats(judged(model, known, book), book, model).row(3, named=True)

    assert last == {
        "account_id": "silent",
        "score": None,
        "scale10": None,
        "band": "unknown",
        "word": "no data",
        "letter": None,
        "stars": None,
        "percentile": None,
        "rank": None,
        "rank_of": None,
        "colour": "unknown",
    }


def test_the_last_fifth_of_a_segment_is_red_by_percentile_however_green_its_band() -> None:
    colours = _every_score("colours")["colour"].to_list()

    # (less + ½) of 101: 20 scores are below 20 %, 61 are below 60 %
    assert [colours.count(colour) for colour in ("red", "yellow", "green")] == [20, 41, 40]


def test_ranks_stand_beside_scores_and_count_inside_the_segment() -> None:
    model = ready_made("ranking")

    frame = formats(judged(model, world()), BOOK, model)

    assert frame.select("score", "rank", "rank_of").rows() == [(89.6, 1, 2), (63.5, 2, 2), (26.1, 1, 1)]


# --- scores beside health --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble, expected",
    [
        (("tickets", {"account_id": "thriving", "severity": "urgent", "opened_at": NOW - DAY}), "watch"),
        (("invoices", {"account_id": "thriving", "due_at": NOW - 15 * DAY}), "not now"),
        (("subscriptions", {"account_id": "thriving", "cancel_at": NOW + 90 * DAY}), "not now"),
    ],
)
def test_nobody_in_trouble_is_offered_more(trouble: Any, expected: str) -> None:
    model = ready_made("expansion")

    words = formats(judged(model, world(trouble=trouble)), BOOK, model)["word"]

    assert words[0] == expected


def test_a_fan_with_an_urgent_ticket_is_not_asked_for_a_reference_today() -> None:
    urgent = {"account_id": "thriving", "severity": "urgent", "opened_at": NOW - DAY}

    frame = judged(ready_made("advocacy"), world(trouble=("tickets", urgent)))

    assert frame.select("score", "band", "cap.urgent_ticket.state").row(0) == (74.0, "yellow", "on")


def test_who_would_not_recommend_us_is_never_asked_for_a_reference() -> None:
    frame = judged(ready_made("advocacy"), world())

    assert frame["cap.detractor.state"].to_list() == ["off", "off", "on"]
