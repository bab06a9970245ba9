"""A long outage: what a silent source said is not known any more, and that is no news about the customer."""

from datetime import timedelta

from tests.scoring.builders import NOW, a_model, a_signal, remembered, scored

DAY = timedelta(days=1)
MODEL = a_model(a_signal("a", category="one"), a_signal("b", category="two"))
WELL = {"a": 30, "b": 100}
DOWN = {**WELL, "b.state": "source_down", "b.silent": True}


def test_an_account_whose_good_half_fell_silent_ends_in_unknown_never_in_red() -> None:
    frame = scored(MODEL, WELL, as_of=NOW)
    seen = [(frame["score"][0], frame["band"][0])]
    for day in (5, 8, 9, 10, 30):
        row = {**DOWN, "b.down_days": float(day), "b.age_days": float(day)}
        frame = scored(MODEL, row, as_of=NOW + day * DAY, previous=remembered(frame))
        seen.append((frame["score"][0], frame["band"][0]))

    assert seen == [
        (65.0, "yellow"),
        (65.0, "yellow"),
        (None, "yellow"),
        (None, "yellow"),
        (None, "unknown"),
        (None, "unknown"),
    ]


def test_when_the_source_is_back_so_is_the_band() -> None:
    frame = scored(MODEL, WELL, as_of=NOW)
    for day in (8, 11):
        row = {**DOWN, "b.down_days": float(day), "b.age_days": float(day)}
        frame = scored(MODEL, row, as_of=NOW + day * DAY, previous=remembered(frame))
    unknown = frame["band"][0]

    frame = scored(MODEL, WELL, as_of=NOW + 12 * DAY, previous=remembered(frame))

    assert unknown == "unknown"
    assert (frame["score"][0], frame["band"][0]) == (65.0, "yellow")


def test_a_source_that_answers_and_stands_still_is_silent_too() -> None:
    first = scored(MODEL, WELL, as_of=NOW)

    still = {**WELL, "b.age_days": 40.0, "b.silent": True}
    frame = scored(MODEL, still, as_of=NOW + 40 * DAY, previous=remembered(first))

    assert frame["score"][0] is None


def test_a_reading_of_one_account_that_grew_too_old_is_left_out_quietly() -> None:
    first = scored(MODEL, WELL, as_of=NOW)

    old = {**WELL, "b.age_days": 400.0}
    frame = scored(MODEL, old, as_of=NOW + 400 * DAY, previous=remembered(first))

    assert frame["score"][0] == 30.0


def test_nobody_is_judged_for_the_first_time_while_a_source_has_never_answered() -> None:
    frame = scored(MODEL, {"a": 30, "b": None, "b.state": "source_down", "b.silent": True}, as_of=NOW)

    assert (frame["score"][0], frame["band"][0]) == (None, "unknown")


def test_a_source_that_never_answered_takes_nothing_from_those_who_were_judged_without_it() -> None:
    first = scored(MODEL, {"a": 60, "b": None}, as_of=NOW)

    silent = {"a": 60, "b": None, "b.state": "source_down", "b.silent": True}
    frame = scored(MODEL, silent, as_of=NOW + DAY, previous=remembered(first))

    assert frame["score"][0] == 60.0
