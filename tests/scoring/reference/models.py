"""Random models that the loader would accept, for comparing two implementations of the score.

Everything is drawn from one `random.Random`. Numbers are drawn so that thresholds are met exactly now and then:
weights that add up to halves, cuts close together, durations of as many hours as lie between runs.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Literal

from scoring.curves import (
    ByTenure,
    Curve,
    Growth,
    HalfLife,
    Linear,
    Map,
    Percentile,
    Piecewise,
    SimpleCurve,
    Steps,
    TenureBucket,
)
from scoring.definition import (
    BandCut,
    Category,
    Freshness,
    Hierarchy,
    Hysteresis,
    OnNoData,
    Profile,
    Renewal,
    ScoringModel,
    Signal,
    SignalChange,
)
from scoring.rules import Cap, Floor, Override, PointsRule, Pulse
from tests.scoring.reference.values import DAY

SEGMENTS = ("large", "small", "it's")
WORDS = {"good": 95.0, "fair": 60.0, "bad": 5.0}
EXCLUDE: tuple[OnNoData, ...] = ("exclude",)
ON_NO_DATA: tuple[OnNoData, ...] = (*EXCLUDE * 10, "worst", "worst", "required", 40.0, 72.5)
RATINGS = {"1": 0.0, "2": 25.0, "3": 50.0, "4": 88.0, "5": 100.0}
CUTS = ((50, 75), (50, 75), (40, 60), (45, 50), (60, 65), (10, 20), (80, 95))


DELAYS = (timedelta(0), timedelta(0), timedelta(0), timedelta(hours=6), timedelta(hours=24))
HOLDS = (timedelta(0), timedelta(hours=6), timedelta(hours=24), timedelta(hours=24))
OWN_FIELDS = ("account.arr", "account.segment", "account.renewal_on", "account.created_on", "account.vip")


def bands(chance: Random) -> tuple[BandCut, ...]:
    """Draw where bands begin."""
    yellow, green = chance.choice(CUTS)
    return (
        BandCut(name="red", min=0),
        BandCut(name="yellow", min=yellow),
        BandCut(name="green", min=green),
    )


def simple_curve(chance: Random) -> SimpleCurve:
    """Draw a curve over values of roughly 0..100."""
    return chance.choice(
        (
            Linear(bad=0, good=100),
            Linear(bad=0, good=100),
            Linear(bad=90, good=10),
            Linear(bad=0, good=300, scale="log"),
            Linear(bad=-50, good=90, scale="asinh"),
            Piecewise(knots=((0, 0), (30, 70), (33.3, 71.7), (100, 100))),
            Piecewise(knots=((1, 100), (20, 60), (90, 0)), scale="log"),
            Piecewise(knots=((-10, 20), (50, 100), (80, 30)), scale="asinh"),
            Steps(below=10.0, steps=((20.0, 40.0), (50.0, 75.0), (80.5, 100.0))),
            HalfLife(days=30.0),
            Growth(),
        )
    )


def curve(chance: Random) -> Curve:
    """Draw any curve but a map of words."""
    match chance.randrange(6):
        case 0:
            return Percentile(
                otherwise=simple_curve(chance),
                better=chance.choice(("high", "low")),
                within=chance.choice(("segment", "all")),
            )
        case 1:
            return ByTenure(
                buckets=(
                    TenureBucket(below=30 * DAY, curve=simple_curve(chance)),
                    TenureBucket(below=90 * DAY, curve=simple_curve(chance)),
                    TenureBucket(curve=simple_curve(chance)),
                )
            )
        case _:
            return simple_curve(chance)


def comparison(chance: Random, names: Sequence[str]) -> str:
    """Draw one comparison over signals and account fields."""
    name = chance.choice((*names, *names, *OWN_FIELDS))
    if name == "account.segment":
        return chance.choice((f"{name} = 'large'", f"{name} <> 'small'", f"{name} in ('small', 'it''s')"))
    if name == "account.vip":
        return chance.choice((name, f"{name} = true", f"not {name}", f"{name} <> false"))
    scale = 1000 if name == "account.arr" else 1
    one, two = sorted(chance.choice((-20, 0, 10, 30, 50, 60, 80, 100)) * scale for _ in range(2))
    return chance.choice(
        (
            f"{name} > {one}",
            f"{name} <= {two}",
            f"{name} between {one} and {two}",
            f"not {name} = {one}",
            f"{name} >= {one} and {name} < {two}",
        )
    )


def condition(chance: Random, names: Sequence[str]) -> str:
    """Draw a condition of up to three comparisons."""
    one, two, three = (comparison(chance, names) for _ in range(3))
    return chance.choice(
        (
            one,
            one,
            one,
            f"{one} and {two}",
            f"{one} or {two}",
            f"not ({one} or {two})",
            f"({one} or {two}) and {three}",
        )
    )


def _freshness(chance: Random) -> Freshness | None:
    if chance.random() < 0.5:
        return None
    fresh = chance.choice((0, 2, 5))
    return Freshness(
        fresh_for=fresh * DAY,
        half_life=chance.choice((1, 7, 30)) * DAY,
        expire_after=(fresh + chance.choice((0, 5, 20))) * DAY,
    )


def _signal(chance: Random, place: int, category: str, *, heavy: bool) -> Signal:
    word = chance.random() < 0.12
    own = word or chance.random() < 0.3
    return Signal(
        id=f"s{place}",
        label=f"S{place}",
        category=category,
        weight=chance.choice((0.1, 0.3, 1, 1, 1, 2, 3.7, 10) if heavy else (0, 0.1, 1, 1, 2)),
        metric=f"account.f{place}" if own else f"{chance.choice(('usage', 'tickets', 'surveys'))}.n{place}",
        normalise=Map(values=WORDS) if word else curve(chance),
        freshness=_freshness(chance),
        on_no_data=chance.choice(ON_NO_DATA),
    )


def _points(chance: Random, place: int) -> PointsRule:
    return PointsRule(
        id=f"p{place}",
        reason="",
        metric="usage.visits",
        when="value > 3",
        points=3.0,
        half_life=7 * DAY,
    )


def _hysteresis(chance: Random) -> Hysteresis:
    if chance.random() < 0.2:
        return Hysteresis()
    return Hysteresis(
        up_margin=chance.choice((0.0, 2.0, 4.0)),
        up_dwell=chance.choice((timedelta(0), timedelta(hours=6), DAY, DAY)),
        down_dwell=chance.choice((timedelta(0), timedelta(hours=7), DAY, DAY)),
        jump=chance.choice((3.0, 10.0, 40.0)),
        unknown_after=chance.choice((timedelta(0), timedelta(hours=24), 2 * DAY)),
        flapping=chance.choice((1, 1, 2, 4)),
        flapping_within=chance.choice((2, 3, 30)) * DAY,
    )


def _profiles(chance: Random, signals: Sequence[Signal], categories: Sequence[str]) -> tuple[Profile, ...]:
    found: list[Profile] = []
    for place in range(chance.choice((0, 0, 0, 0, 1, 2, 3))):
        changed = chance.sample(list(signals), k=min(len(signals), chance.randrange(3)))
        found.append(
            Profile(
                id=f"profile{place}",
                when=chance.choice(
                    (
                        "account.created_on > -90",
                        "account.segment = 'large'",
                        "account.renewal_on between 0 and 60",
                        "account.arr >= 50000 or account.segment <> 'small'",
                    )
                ),
                inherits=chance.choice(("", found[0].id)) if found else "",
                weights={name: chance.choice((0.5, 2, 30)) for name in categories if chance.random() < 0.4},
                signals=tuple(
                    SignalChange(
                        id=signal.id,
                        weight=chance.choice((None, 0.5, 4)),
                        normalise=None
                        if isinstance(signal.normalise, Map) or chance.random() < 0.5
                        else simple_curve(chance),
                        on_no_data=chance.choice((None, "worst", "exclude", 55.0)),
                    )
                    for signal in changed
                ),
                boost=chance.choice((None, {categories[-1]: 2.0}, {})),
                bands=chance.choice((None, None, bands(chance))),
                min_coverage=chance.choice((None, 0.2, 0.8)),
            )
        )
    return tuple(found)


def model(chance: Random) -> ScoringModel:
    """Draw a model that the loader would accept."""
    categories = ("one", "two", "three")[: chance.choice((1, 2, 2, 3, 3))]
    count = len(categories) + chance.randrange(5)
    signals = tuple(
        _signal(chance, place, categories[place % len(categories)], heavy=place < len(categories))
        for place in range(count)
    )
    names = [signal.id for signal in signals]
    limits: tuple[Literal["red", "yellow"] | float, ...] = ("red", "yellow", 60.0, 30.0, 85.0)
    return ScoringModel(
        version="random",
        bands=bands(chance),
        hysteresis=_hysteresis(chance),
        min_coverage=chance.choice((0.0, 0.2, 0.3, 0.5, 0.5, 0.7)),
        min_category_coverage=chance.choice((0.0, 0.5, 0.5, 0.34, 1.0)),
        redistribute=chance.choice(("category", "category", "flat")),
        hold_for=chance.choice((2, 7)) * DAY,
        min_tenure=chance.choice((0, 0, 40)) * DAY,
        quantum=chance.choice((1.0, 1.0, 0.5, 0.1, 5.0)),
        categories=tuple(
            Category(id=name, label=name, weight=chance.choice((1, 2.5, 40, 0.3, 7 if place else 0)) or 1)
            for place, name in enumerate(categories)
        ),
        signals=signals,
        caps=tuple(
            Cap(
                id=f"c{place}",
                when=condition(chance, names),
                for_=chance.choice(DELAYS),
                hold=chance.choice(HOLDS),
                until=_until(chance),
                at_most=chance.choice(limits),
                reason="",
            )
            for place in range(chance.choice((0, 0, 1, 2, 3)))
        ),
        floors=tuple(
            Floor(
                id=f"c{place}",
                when=condition(chance, names),
                for_=chance.choice(DELAYS),
                hold=chance.choice(HOLDS),
                until=_until(chance),
                at_least=chance.choice(("yellow", "green", 30.0, 65.0)),
                reason="",
            )
            for place in range(chance.choice((0, 0, 0, 1, 2)))
        ),
        points=tuple(_points(chance, place) for place in range(chance.choice((0, 0, 1, 2, 3)))),
        points_limit=chance.choice((10.0, 10.0, 4.5, 30.0)),
        renewal=Renewal(
            boost=chance.choice(({}, {categories[0]: 1.0}, {categories[-1]: 0.7})),
            grace=chance.choice((0, 30)) * DAY,
        ),
        pulse=Pulse(
            weight=chance.choice((0.25, 0.25, 0.25, 0.1, 0.0)),
            fresh=chance.choice((30, 5)) * DAY,
            expires=chance.choice((90, 30)) * DAY,
            require_note=chance.random() < 0.8,
            scale=chance.choice(({}, {"good": 85.0, "bad": 20.0, "awful": 5.0}, RATINGS)),
            severe=chance.choice((None, 20.0)),
            severe_for=chance.choice((30, 60)) * DAY,
        ),
        override=Override(
            longest=chance.choice((90, 10)) * DAY,
            words={"Rot": "red", "Gut": "green"} if chance.random() < 0.5 else {},
        ),
        profiles=_profiles(chance, signals, categories),
        cross_fade=chance.choice((14, 14, 2, 0)) * DAY,
        hierarchy=Hierarchy(
            mode=chance.choice(("own", "own", "own", "arr_weighted_mean", "min", "pct_arr_red")),
            yellow_share=chance.choice((0.1, 0.02)),
            red_share=chance.choice((0.3, 0.6)),
        ),
    )


def _until(chance: Random) -> date | None:
    return chance.choice((None, None, None, None, date(2026, 3, 4)))
