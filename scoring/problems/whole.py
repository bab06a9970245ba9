"""What is wrong with a model as a whole: ids, bands, categories, renewal."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from scoring.conditions import KEYWORDS
from scoring.definition import UNITS_PER_POINT, BandCut, ScoringModel
from scoring.errors import Problem
from scoring.problems._words import at_least_zero, duration, is_multiple, problem, share, unknown

_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
RESERVED = frozenset(
    {"account", "cap", "events", "family", "floor", "override", "pulse", "pulse_cap", "rounding", "start"}
)
"""What other rows of the ledger, and names in conditions, begin with."""
MOST_SIGNALS = 62
"""Which signals counted is kept as the bits of one number."""


def _ids(table: str, ids: list[str]) -> Iterator[Problem]:
    for name, count in Counter(ids).items():
        if count > 1:
            yield problem(f"{table}[{name}].id", f"is used {count} times", "give each its own id")
        if not _ID.match(name) or name in KEYWORDS or name in RESERVED:
            yield problem(
                f"{table}[{name}].id",
                "cannot be used as an id",
                f"use small letters, digits and _, not {', '.join(sorted(KEYWORDS | RESERVED))}",
            )


def of_the_whole(model: ScoringModel) -> Iterator[Problem]:
    if not model.version.strip():
        yield problem("version", "is empty", 'name it, such as "2026-01"')
    yield from share("min_coverage", model.min_coverage)
    yield from share("min_category_coverage", model.min_category_coverage)
    yield from duration("hold_for", model.hold_for, positive=True)
    yield from duration("min_tenure", model.min_tenure)
    if len(model.signals) > MOST_SIGNALS:
        yield problem("signal", f"there are {len(model.signals)}", f"use at most {MOST_SIGNALS}")
    yield from _ids("category", [category.id for category in model.categories])
    yield from _ids("signal", [signal.id for signal in model.signals])
    for table, rules in (
        ("cap", model.caps),
        ("floor", model.floors),
        ("points", model.points),
        ("profile", model.profiles),
    ):
        yield from _ids(table, [rule.id for rule in rules])
    yield from at_least_zero("points_limit", model.points_limit)


def of_bands(model: ScoringModel) -> Iterator[Problem]:
    """List what is wrong with quantum, bands and hysteresis."""
    quantum = model.quantum
    if not _is_sound(quantum):
        yield problem("quantum", f"100 is no multiple of {quantum:g}", "write 1, 0.5, 0.1 or 5")
    yield from _of_cuts("bands", model.bands, model)
    for profile in model.profiles:
        if profile.bands is not None:
            yield from _of_cuts(f"profile[{profile.id}].bands", profile.bands, model)
    rules = model.hysteresis
    yield from at_least_zero("hysteresis.up_margin", rules.up_margin)
    yield from at_least_zero("hysteresis.jump", rules.jump)
    for name in ("up_dwell", "down_dwell", "unknown_after", "flapping_within"):
        yield from duration(f"hysteresis.{name}", getattr(rules, name))
    if rules.flapping < 2:
        yield problem("hysteresis.flapping", f"is {rules.flapping}", "write 2 or more changes")


def _is_sound(quantum: float) -> bool:
    return quantum > 0 and is_multiple(quantum, 1 / UNITS_PER_POINT) and is_multiple(100, quantum)


def _of_cuts(key: str, bands: Sequence[BandCut], model: ScoringModel) -> Iterator[Problem]:
    names = [cut.name for cut in bands]
    if names != ["red", "yellow", "green"]:
        yield problem(key, f"are {', '.join(names)}", "write red, yellow and green, each once, in this order")
        return
    red, yellow, green = (cut.min for cut in bands)
    if red != 0:
        yield problem(key, f"leave a gap: red begins at {red:g}", "let red begin at 0")
    if not 0 < yellow < green <= 100:
        yield problem(
            key, f"overlap: yellow begins at {yellow:g}, green at {green:g}", "use 0 < yellow < green ≤ 100"
        )
    for cut in bands:
        if _is_sound(model.quantum) and not is_multiple(cut.min, model.quantum):
            yield problem(
                key, f"{cut.name} begins at {cut.min:g}", f"use a multiple of quantum {model.quantum:g}"
            )
    if green + model.hysteresis.up_margin > 100:
        yield problem(
            "hysteresis.up_margin",
            f"nobody can become green: {green:g} + {model.hysteresis.up_margin:g} is above 100",
            f"use at most {100 - green:g}",
        )


def of_categories(model: ScoringModel) -> Iterator[Problem]:
    if not model.categories:
        yield problem("category", "there is none", "add a [[model.category]]")
    for category in model.categories:
        yield from at_least_zero(f"category[{category.id}].weight", category.weight)
        inside = [signal for signal in model.signals if signal.category == category.id]
        if not inside:
            yield problem(f"category[{category.id}]", "has no signal", "add one or remove the category")
        elif all(signal.weight == 0 for signal in inside) and category.weight > 0:
            yield problem(
                f"category[{category.id}]", "all its signals weigh 0", "give one of them a weight above 0"
            )
    if model.categories and all(category.weight == 0 for category in model.categories):
        yield problem("category", "all weights are 0", "give at least one category a weight above 0")


def of_renewal(model: ScoringModel) -> Iterator[Problem]:
    renewal = model.renewal
    yield from duration("renewal.near", renewal.near)
    yield from duration("renewal.grace", renewal.grace)
    if renewal.far <= renewal.near:
        yield problem("renewal.far", "is not longer than near", "make far longer than near")
    known = sorted(category.id for category in model.categories)
    for name, boost in renewal.boost.items():
        if name not in known:
            yield unknown(f"renewal.boost.{name}", f"category {name!r}", known)
        yield from at_least_zero(f"renewal.boost.{name}", boost)
