"""Bands: hysteresis, elapsed time instead of run counts, unknown, change of model."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.rules import Cap
from tests.scoring.builders import BERLIN, NOW, a_model, a_signal, remembered, scored
from tests.scoring.oracle import Memory, step

MODEL = a_model(a_signal("s"))
CAPPED = a_model(
    a_signal("s"),
    a_signal("urgent", weight=0),
    caps=(Cap(id="urgent", when="urgent > 0", at_most="yellow", reason="Urgent"),),
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def lived(*steps: tuple[float, float | None]) -> list[str]:
    """Bands of one account that had these scores at these days, with fresh data each time."""
    return [str(row["band"]) for row in lives([(day, value, day) for day, value in steps])]


def lives(
    steps: Sequence[tuple[float, float | None, float]], previous: pl.DataFrame | None = None
) -> list[dict[str, object]]:
    """Rows of one account: (day of evaluation, score, day of the newest data)."""
    rows = []
    for day, value, refreshed in steps:
        frame = scored(
            MODEL,
            {"s": value},
            as_of=NOW + day * DAY,
            refreshed_at=NOW + refreshed * DAY,
            previous=previous,
        )
        previous = remembered(frame)
        rows.append(frame.row(0, named=True))
    return rows


@pytest.mark.parametrize(
    "value, band",
    [
        (0, "red"),
        (49, "red"),
        (49.5, "yellow"),
        (50, "yellow"),
        (74.4, "yellow"),
        (74.5, "green"),
        (100, "green"),
    ],
)
def test_the_first_band_follows_the_cuts_after_rounding(value: float, band: str) -> None:
    frame = scored(MODEL, {"s": value})

    assert frame["band"].to_list() == [band]
    assert frame["entered_from"].to_list() == [None]
    assert frame["band_since"].to_list() == [NOW]


def test_a_small_fall_worsens_the_band_after_a_day_and_two_refreshes() -> None:
    rows = lives([(0, 80, 0), (1, 70, 1), (1.5, 70, 1.5), (2, 70, 2)])

    assert [row["band"] for row in rows] == ["green", "green", "green", "yellow"]
    assert [row["pending_band"] for row in rows] == [None, "yellow", "yellow", None]
    assert [row["entered_from"] for row in rows] == [None, None, None, "green"]


def test_the_same_data_looked_at_again_and_again_worsens_nothing() -> None:
    rows = lives([(0, 80, 0), (1, 70, 1), (2, 70, 1), (3, 70, 1), (4, 70, 4)])

    assert [row["band"] for row in rows] == ["green", "green", "green", "green", "yellow"]


def test_a_dip_of_one_day_changes_nothing() -> None:
    assert lived((0, 80), (1, 70), (1.5, 76), (2, 70), (2.9, 70)) == ["green"] * 5


def test_a_deep_fall_worsens_at_once_but_only_through_the_cuts_it_is_deep_under() -> None:
    assert lived((0, 80), (1, 65)) == ["green", "yellow"]
    assert lived((0, 80), (1, 66)) == ["green", "green"]
    assert lived((0, 80), (1, 45), (2, 45)) == ["green", "yellow", "red"]
    assert lived((0, 80), (1, 40)) == ["green", "red"]


def test_improving_takes_a_margin_and_two_days() -> None:
    assert lived((0, 60), (1, 79), (2, 79), (3, 79)) == ["yellow", "yellow", "yellow", "green"]
    assert lived((0, 60), (1, 78), (3, 78), (9, 78)) == ["yellow"] * 4
    assert lived((0, 60), (1, 79), (2, 78), (3, 79), (4.9, 79), (5, 79)) == ["yellow"] * 5 + ["green"]


def test_a_red_account_that_recovers_fully_goes_straight_to_green() -> None:
    assert lived((0, 20), (1, 90), (2, 90), (3, 90)) == ["red", "red", "red", "green"]


def test_a_cap_worsens_at_once_even_just_below_the_cut() -> None:
    first = scored(CAPPED, {"s": 90, "urgent": 0})

    second = scored(CAPPED, {"s": 90, "urgent": 1}, as_of=NOW + HOUR, previous=remembered(first))

    assert first["band"].to_list() == ["green"]
    assert second.select("score", "band", "entered_from").rows() == [(74.0, "yellow", "green")]


def test_a_cap_that_does_not_bite_still_says_at_most_yellow() -> None:
    first = scored(CAPPED, {"s": 90, "urgent": 0})

    second = scored(CAPPED, {"s": 70, "urgent": 1}, as_of=NOW + HOUR, previous=remembered(first))

    assert second.select("score", "band", "cap.urgent.points").rows() == [(70.0, "yellow", 0)]


def test_unknown_comes_only_after_two_days_without_a_score() -> None:
    rows = lives([(0, 80, 0), (1, None, 1), (2.9, None, 2), (3, None, 3), (4, None, 4)])

    assert [row["band"] for row in rows] == ["green", "green", "green", "unknown", "unknown"]
    assert [row["score"] for row in rows] == [80.0, None, None, None, None]
    assert rows[3]["entered_from"] == "green"
    assert rows[4]["band_since"] == NOW + 3 * DAY


def test_leaving_unknown_restores_the_last_band_and_its_episode() -> None:
    rows = lives([(0, 30, 0), (1, None, 1), (3, None, 3), (5, 90, 5), (7, 90, 7)])

    assert [row["band"] for row in rows] == ["red", "red", "unknown", "red", "green"]
    assert rows[3]["entered_from"] == "unknown"
    assert rows[3]["known_since"] == NOW


def test_an_account_that_never_had_a_score_is_unknown_and_then_gets_its_first_band() -> None:
    rows = lives([(0, None, 0), (1, 30, 1)])

    assert [row["band"] for row in rows] == ["unknown", "red"]
    assert rows[1]["entered_from"] == "unknown"
    assert rows[1]["known_since"] == NOW + DAY


def test_a_change_of_model_bands_anew_and_says_so_once() -> None:
    before = remembered(scored(MODEL, {"s": 80}))
    reweighed = replace(MODEL, version="next")

    first = scored(reweighed, {"s": 70}, as_of=NOW + DAY, previous=before)
    second = scored(reweighed, {"s": 70}, as_of=NOW + 2 * DAY, previous=remembered(first))

    assert first.select("band", "migrated", "entered_from").rows() == [("yellow", True, "green")]
    assert second.select("band", "migrated", "entered_from").rows() == [("yellow", False, None)]


def test_a_change_of_model_waits_for_the_first_score() -> None:
    before = remembered(scored(MODEL, {"s": 80}))
    reweighed = replace(MODEL, version="next")

    silent = scored(reweighed, {"s": None}, as_of=NOW + DAY, previous=before)
    back = scored(reweighed, {"s": 70}, as_of=NOW + 2 * DAY, previous=remembered(silent))

    assert silent.select("band", "migrated").rows() == [("green", False)]
    assert back.select("band", "migrated").rows() == [("yellow", True)]


def test_rewording_a_model_moves_nobody() -> None:
    before = remembered(scored(MODEL, {"s": 80}))
    reworded = a_model(a_signal("s", label="Better words", unit="users"))

    frame = scored(reworded, {"s": 70}, as_of=NOW + DAY, previous=before)

    assert frame.select("band", "migrated").rows() == [("green", False)]


value = st.one_of(
    st.none(), st.integers(0, 100), st.sampled_from([39, 40, 41, 49, 50, 53, 54, 64, 65, 66, 74, 75, 78, 79])
)
life = st.lists(st.tuples(st.integers(1, 60), value, st.booleans(), st.booleans()), min_size=1, max_size=14)


@settings(max_examples=60, deadline=None)
@given(st.lists(life, min_size=1, max_size=5))
def test_the_machine_agrees_with_its_twin(many: list[list[tuple[int, int | None, bool, bool]]]) -> None:
    # Every account lives through the same evaluations, with scores and caps of its own.
    length = min(len(one) for one in many)
    memories: list[Memory | None] = [None] * len(many)
    previous, now, refreshed_at = None, NOW, NOW
    for turn in range(length):
        hours, _, refreshes, _ = many[0][turn]
        now += hours * HOUR
        refreshed_at = now if refreshes or turn == 0 else refreshed_at
        rows = [
            {"account_id": str(place), "s": one[turn][1], "urgent": 1 if one[turn][3] else 0}
            for place, one in enumerate(many)
        ]
        frame = scored(CAPPED, *rows, as_of=now, refreshed_at=refreshed_at, previous=previous)
        previous = remembered(frame)
        for place, row in enumerate(frame.iter_rows(named=True)):
            ceiling = 740_000 if many[place][turn][3] else None
            memory = step(memories[place], row["score_units"], ceiling, CAPPED, now, refreshed_at)
            memories[place] = memory
            clocks = memory.clocks
            assert (
                row["band"],
                row["band_since"],
                row["known_band"],
                row["known_since"],
                row["unknown_since"],
                [row["yellow_since"], row["green_since"]],
                [row["yellow_refreshes"], row["green_refreshes"]],
            ) == (
                memory.band,
                memory.band_since,
                memory.known,
                memory.known_since,
                memory.unknown_since,
                [clock.since for clock in clocks] if clocks else [None, None],
                [clock.refreshes for clock in clocks] if clocks else [None, None],
            )


def bands_at_noon(series: list[int], hours: int) -> list[str]:
    """Evaluate daily data every few hours and give the band of each day's first evaluation."""
    previous, found = None, []
    for day, number in enumerate(series):
        for hour in range(0, 24, hours):
            frame = scored(
                MODEL,
                {"s": number},
                as_of=NOW + day * DAY + hour * HOUR,
                refreshed_at=NOW + day * DAY,
                previous=previous,
            )
            previous = remembered(frame)
            if hour == 0:
                found.append(frame["band"][0])
    return found


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(35, 90), min_size=2, max_size=7))
def test_evaluating_the_same_data_every_four_hours_or_daily_gives_the_same_bands(series: list[int]) -> None:
    assert bands_at_noon(series, 4) == bands_at_noon(series, 24)


def test_memory_may_come_back_in_another_order_and_with_strangers() -> None:
    first = scored(MODEL, {"s": 80}, {"s": 20}, {"s": 60})
    memory = remembered(first).reverse()

    second = scored(
        MODEL, {"account_id": "C", "s": 60}, {"account_id": "new", "s": 70}, as_of=NOW + DAY, previous=memory
    )

    assert second.select("account_id", "band", "band_since").rows() == [
        ("C", "yellow", NOW),
        ("new", "yellow", NOW + DAY),
    ]


def test_instants_of_any_zone_mean_the_same() -> None:
    assert scored(MODEL, {"s": 80}, as_of=NOW.astimezone(BERLIN)).equals(scored(MODEL, {"s": 80}, as_of=NOW))
