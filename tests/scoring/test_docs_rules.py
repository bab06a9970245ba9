"""docs/scoring-rules.md: every table of events, pulses, limits and bands comes out as it is written."""

import re
from dataclasses import fields, replace
from datetime import timedelta

import polars as pl
from pydantic import TypeAdapter

from scoring.definition import (
    DAY,
    Hierarchy,
    Hysteresis,
    ScoringModel,
)
from scoring.events import read_events
from scoring.moment import moments
from scoring.rules import Pulse
from tests.scoring.builders import (
    BERLIN,
    NOW,
    a_model,
    a_signal,
    accounts,
    day_end,
    numbers,
    records,
    remembered,
    scored,
    streams,
)
from tests.scoring.pages import (
    HOUR,
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
from tests.scoring.sides import a_side

SIMPLE = a_model(a_signal("s"), a_signal("urgent", weight=0))


def test_parents_are_judged_as_written() -> None:
    text = section(RULES, "Parents")
    book = accounts("A", "B", "C", parent=[None, "A", "B"], arr=[100.0, 300.0, 100.0])
    rows = body(text)

    found = []
    for mode, _, why in rows:
        rule = TypeAdapter(Hierarchy).validate_python({"mode": mode.strip("`")})
        model = replace(a_model(a_signal("s")), hierarchy=rule)
        frame = scored(model, {"s": 80}, {"s": 40}, {"s": 90}, book=book)
        found.append([mode, short(frame["score"][0]), why])

    assert found == rows


MIDNIGHT = day_end(SUNDAY)


def event_points(model: ScoringModel, given: pl.DataFrame, surveys: pl.DataFrame, name: str) -> str:
    """Give the points of one rule at the end of Sunday."""
    seen_at = moments(
        streams(web=MIDNIGHT, usage=MIDNIGHT, surveys=MIDNIGHT)
        .drop("newest_at")
        .with_columns(newest_at=pl.lit(MIDNIGHT)),
        MIDNIGHT,
        BERLIN,
    )
    rows = pl.DataFrame({"row": [0], "account_id": ["A"]}, schema={"row": pl.UInt32, "account_id": pl.String})
    frame = read_events(given, {"surveys": surveys}, rows, model.points, seen_at)
    return f"{frame[f'events.{name}'][0]:.1f}".replace("-0.0", "0.0")


def test_events_fade_as_written() -> None:
    text = section(RULES, "Points for events")
    model = model_with(toml(text)[0])
    head, _, *rows = tables(text)[0]

    found = [
        [
            name,
            *(
                event_points(
                    model,
                    numbers(("A", "web.cancel_views", SUNDAY - int(ago) * DAY, 1.0)),
                    records(
                        "surveys",
                        {
                            "kind": "review",
                            "score": 5.0,
                            "answered_at": MIDNIGHT - int(ago) * DAY,
                            "observed_at": MIDNIGHT - int(ago) * DAY,
                        },
                    ),
                    name,
                )
                for ago in head[1:]
            ),
        ]
        for name, *_ in rows
    ]

    assert found == rows


def test_days_in_a_row_are_one_event_as_written() -> None:
    text = section(RULES, "Points for events")
    model = model_with(toml(text)[0])
    _, _, exports, views, shown = tables(text)[1]

    found = []
    for last in range(1, len(exports)):
        past = range(1, last + 1)
        given = numbers(
            *(
                ("A", row[0], SUNDAY - (last - day) * DAY, float(row[day]))
                for row in (exports, views)
                for day in past
            )
        )
        found.append(event_points(model, given, records("surveys"), "exports"))

    assert [shown[0], *found] == shown


def test_events_are_limited_as_written() -> None:
    text = section(RULES, "Points for events")
    given = model_with(toml(text)[0])
    model = replace(SIMPLE, points=given.points[:1], points_limit=given.points_limit)
    rows = body(text, 2)

    found = [
        [before, together, short(a_side(model, worth).scored()["score"][0])]
        for before, together, _ in rows
        for worth in ({"s": float(before), "urgent": 0, "events.cancel_page": float(together)},)
    ]

    assert found == rows


def pulsed(rule: Pulse, pulse: str, ago: int, *, quantum: float = 0.1) -> float:
    book = accounts(pulse=[pulse], pulse_on=[TODAY - ago * DAY], pulse_note=["heard it"])
    value = scored(replace(SIMPLE, pulse=rule, quantum=quantum), {"s": 80, "urgent": 0}, book=book)["score"][
        0
    ]
    return float(value)


def test_a_pulse_moves_the_score_as_written() -> None:
    text = section(RULES, "Pulse")
    rule = model_with(toml(text)[0]).pulse
    head, _, *rows = tables(text)[0]

    found = [
        [name, *(f"{pulsed(rule, name.partition(' ')[0], int(ago)):.1f}" for ago in head[1:])]
        for name, *_ in rows
    ]

    assert found == rows
    assert replace(rule, scale={}) == Pulse()


def test_a_severe_pulse_caps_as_written() -> None:
    rule = replace(model_with(toml(section(RULES, "Pulse"))[0]).pulse, severe=10.0)

    assert "80 becomes 49" in section(RULES, "Pulse")
    assert [pulsed(rule, "lost", ago, quantum=1) for ago in (0, 30, 31)] == [49, 49, 80]


def test_a_cap_waits_and_holds_as_written() -> None:
    text = section(RULES, "Floors and caps")
    caps = tuple(cap for cap in model_with(toml(text)[0]).caps if cap.id == "urgent_for_a_day")
    model = replace(SIMPLE, caps=caps)
    hours, _, tickets, states, shown = tables(text)[0]
    book = accounts(segment=["Enterprise"])
    previous, found = None, []

    for hour, urgent in zip(hours[1:], tickets[1:], strict=True):
        frame = scored(
            model,
            {"s": 80, "urgent": float(urgent)},
            book=book,
            as_of=NOW + int(hour) * HOUR,
            previous=previous,
        )
        previous = remembered(frame)
        found.append((frame["cap.urgent_for_a_day.state"][0], short(frame["score"][0])))

    assert found == list(zip(states[1:], shown[1:], strict=True))


def test_floors_and_caps_meet_as_written() -> None:
    text = section(RULES, "Floors and caps")
    given = model_with(toml(text)[0])
    model = replace(SIMPLE, floors=given.floors, caps=tuple(cap for cap in given.caps if cap.id == "urgent"))
    rows = body(text, 1)

    found = []
    for on, *_ in rows:
        book = accounts("A", "B", renewed_on=[TODAY - (5 if on in ("the floor", "both") else 40) * DAY] * 2)
        urgent = 3 if on in ("the cap", "both") else 0
        frame = scored(model, {"s": 30, "urgent": urgent}, {"s": 80, "urgent": urgent}, book=book)
        found.append([on, *map(short, frame["score"])])

    assert found == rows


def test_a_band_set_by_hand_comes_out_as_written() -> None:
    text = section(RULES, "A band set by hand")
    model = replace(SIMPLE, override=model_with(toml(text)[0]).override)
    rows = body(text)

    found = []
    for word, reason, until, *_ in rows:
        ahead = re.search(r"\d+", until)
        ends = None if until == "–" else TODAY + int(ahead[0] if ahead else 0) * DAY
        book = accounts(
            override=[word],
            override_reason=["agreed" if reason == "yes" else None],
            override_until=[ends],
        )
        frame = scored(model, {"s": 62, "urgent": 0}, book=book)
        found.append([word, reason, until, short(frame["score"][0]), frame["override_state"][0]])

    assert found == rows


# --- bands -------------------------------------------------------------------------------------------------


def test_the_page_shows_what_keeps_bands_from_flickering() -> None:
    shown = {row[0].strip("`"): row[1] for row in body(section(RULES, "Bands"))}
    defaults = {item.name: getattr(Hysteresis(), item.name) for item in fields(Hysteresis)}

    assert shown == {
        name: f"{value // DAY} d" if isinstance(value, timedelta) else f"{value:g}"
        for name, value in defaults.items()
    }


def test_bands_move_as_written() -> None:
    days, _, scores, bands = tables(section(RULES, "Bands"))[1]
    previous, found = None, []

    for day, value in zip(days[1:], scores[1:], strict=True):
        as_of = NOW + int(day) * DAY
        frame = scored(SIMPLE, {"s": float(value), "urgent": 0}, as_of=as_of, previous=previous)
        previous = remembered(frame)
        found.append(frame["band"][0])

    assert [bands[0], *found] == bands


def test_like_is_compared_with_like_as_written() -> None:
    model = a_model(a_signal("a"), a_signal("b"))
    first, *others = body(section(RULES, "Bands"), 2)

    def judged(row: Row, previous: pl.DataFrame | None) -> pl.DataFrame:
        worth = {
            name: None if cell == "–" else float(cell) for name, cell in zip("ab", row[1:3], strict=True)
        }
        as_of = NOW if previous is None else NOW + DAY
        frame = scored(model, worth, as_of=as_of, previous=previous)
        assert [short(frame["score"][0]), frame["band"][0]] == row[3:5]
        return frame

    settled = remembered(judged(first, None))
    found = [judged(row, settled)["data_change"][0] for row in others]

    assert found == [row[6] == "yes" for row in others]
