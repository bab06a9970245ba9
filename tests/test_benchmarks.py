"""What the measurements are made of: that they measure what they say, on small samples."""

from benchmarks import noise, scoring, worlds
from benchmarks.noise import RULES, bands, changes, days_until_red, falls, steady


def test_margin_and_dwell_each_make_bands_quieter() -> None:
    series = steady(60, 40, 4.0)

    naive, margin, default = (changes(bands(series, rules)) for rules in RULES.values())

    assert default < margin / 2 < naive / 2


def test_a_sudden_fall_is_red_within_a_day() -> None:
    fallen = falls(60, 2.0, within=1)

    waited = days_until_red(bands(fallen, RULES["default"]), noise.START)

    assert set(waited) <= {0, 1, 2}
    assert sum(waited) / len(waited) < 1


def test_hourly_runs_come_to_the_same_bands_as_daily_ones() -> None:
    series = steady(50, 8, 4.0)

    daily = bands(series, RULES["default"])
    hourly = bands(series, RULES["default"], runs_a_day=24)

    assert hourly == daily
    assert changes(daily) > 0


def test_the_baseline_of_the_speed_comparison_computes_the_same_composite() -> None:
    """It may only leave out what comes after: here nothing is old, and no renewal is near."""
    model, rows = worlds.a_model(), 500
    frame = worlds.signals(rows, model, day=0)
    fresh = frame.with_columns(
        frame[name] * 0 for name in frame.columns if name.endswith((".age_days", ".down_days"))
    )
    book = worlds.book(rows).select("account_id")

    plain = scoring.plain(fresh, model)
    full = scoring.full(fresh, book, model, None, day=0)

    compared = [
        (rough, exact)
        for rough, exact, coverage in zip(plain["score"], full["composite"], full["coverage"], strict=True)
        if exact is not None and coverage > 0.9
    ]
    assert len(compared) > 100
    assert all(abs(rough - exact) <= 0.5 + 1e-9 for rough, exact in compared)
