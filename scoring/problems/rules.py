"""What is wrong with rules: caps, floors, event points, pulse, override, profiles, hierarchy, formats."""

from collections.abc import Collection, Iterator, Mapping

import polars as pl

from scoring.conditions import ACCOUNT, ConditionError, check_types, parse
from scoring.definition import DAY, Profile, ScoringModel
from scoring.errors import Problem
from scoring.model import TOPICS, FieldType
from scoring.problems._words import at_least_zero, duration, is_multiple, problem, share, unknown
from scoring.problems.signals import of_account_condition, of_curve
from scoring.rules import Cap, Floor, PointsRule

Fields = Collection[str] | None


def of_limit(rule: Cap | Floor, model: ScoringModel, account_fields: Fields) -> Iterator[Problem]:
    """List what is wrong with a cap or a floor."""
    kind, name, level = (
        ("cap", "at_most", rule.at_most) if isinstance(rule, Cap) else ("floor", "at_least", rule.at_least)
    )
    key = f"{kind}[{rule.id}]"
    yield from duration(f"{key}.for", rule.for_)
    yield from duration(f"{key}.hold", rule.hold)
    if not isinstance(level, str) and not (
        0 <= level <= 100 and model.quantum > 0 and is_multiple(level, model.quantum)
    ):
        words = "red, yellow" if kind == "cap" else "yellow, green"
        yield problem(
            f"{key}.{name}", f"is {level:g}", f"write {words} or a multiple of {model.quantum:g} up to 100"
        )
    yield from _of_condition(f"{key}.when", rule.when, model, account_fields)


def _of_condition(key: str, text: str, model: ScoringModel, account_fields: Fields) -> Iterator[Problem]:
    try:
        condition = parse(text)
    except ConditionError as exc:
        yield problem(key, str(exc), "compare signals and account.<field>: urgent > 0 and account.arr > 1000")
        return
    ids = {signal.id for signal in model.signals}
    missing = False
    for name in condition.names:
        if name.startswith(ACCOUNT):
            field = name.removeprefix(ACCOUNT)
            if account_fields is not None and field not in account_fields:
                yield unknown(key, f"account field {field!r}", account_fields)
        elif name not in ids:
            missing = True
            yield unknown(key, f"signal {name!r}", ids)
    types: Mapping[str, pl.DataType] = {name: pl.Float64() for name in ids}
    try:
        if not missing:
            check_types(condition, types)
    except ConditionError as exc:
        yield problem(key, str(exc), "compare signals with numbers and join comparisons by and, or, not")


_TYPES: Mapping[FieldType, pl.DataType] = {
    "text": pl.String(),
    "number": pl.Float64(),
    "bool": pl.Boolean(),
    "instant": pl.Null(),
}


def of_points(rule: PointsRule) -> Iterator[Problem]:
    """List what is wrong with a points rule."""
    key = f"points[{rule.id}]"
    topic, _, name = rule.metric.partition(".")
    series = topic not in TOPICS
    if series and not name:
        yield problem(
            f"{key}.metric", f"is {rule.metric!r}", f"write topic.name, or one of {', '.join(TOPICS)}"
        )
    if not series and name:
        yield problem(f"{key}.metric", f"{topic} are counted one by one", f"write {topic} alone")
    if (rule.expires is None) == (rule.half_life is None):
        yield problem(
            f"{key}.expires", "exactly one of expires and half_life is needed", 'write expires = "30d"'
        )
    for which in ("expires", "half_life"):
        value = getattr(rule, which)
        if value is not None:
            yield from duration(f"{key}.{which}", value, positive=True)
    if not -100 <= rule.points <= 100 or rule.points == 0:
        yield problem(f"{key}.points", f"is {rule.points:g}", "write points between -100 and 100, but not 0")
    yield from at_least_zero(f"{key}.at_most", rule.at_most)
    if rule.days_in_a_row < 1:
        yield problem(f"{key}.days_in_a_row", f"is {rule.days_in_a_row}", "write 1 or more")
    if not series and (rule.days_in_a_row > 1 or rule.then):
        yield problem(
            f"{key}.days_in_a_row", "only days of a series follow each other", "remove it, and `then`"
        )
    if rule.then and (rule.then.partition(".")[0] in TOPICS or not rule.then.partition(".")[2]):
        yield problem(f"{key}.then", f"is {rule.then!r}", "name a series, topic.name")
    yield from duration(f"{key}.within", rule.within)
    known: Mapping[str, pl.DataType] = (
        {"value": pl.Float64()} if series else {n: _TYPES[kind] for n, kind in TOPICS[topic].items()}
    )
    try:
        condition = parse(rule.when)
        strange = [name for name in condition.names if name not in known]
        if strange:
            yield unknown(f"{key}.when", f"field {strange[0]!r}", known)
        else:
            check_types(condition, known)
    except ConditionError as exc:
        yield problem(f"{key}.when", str(exc), f"compare {', '.join(known)}")


def of_notes(model: ScoringModel, account_fields: Fields) -> Iterator[Problem]:
    """List what is wrong with pulse and override."""
    pulse = model.pulse
    if not 0 <= pulse.weight <= 0.25:
        yield problem("pulse.weight", f"is {pulse.weight:g}", "write a share between 0 and 0.25")
    yield from duration("pulse.fresh", pulse.fresh)
    if pulse.expires < pulse.fresh:
        yield problem("pulse.expires", "is shorter than fresh", "make it longer")
    for word, points in pulse.scale.items():
        if not 0 <= points <= 100:
            yield problem(f"pulse.scale.{word}", f"is {points:g}", "write points between 0 and 100")
    if pulse.severe is not None and not 0 <= pulse.severe <= 100:
        yield problem("pulse.severe", f"is {pulse.severe:g}", "write points between 0 and 100")
    yield from duration("pulse.severe_for", pulse.severe_for)
    yield from duration("override.longest", model.override.longest, positive=True)
    if model.override.longest > 90 * DAY:
        yield problem("override.longest", "is longer than 90 days", 'write at most "90d"')
    if account_fields is None:
        return
    needs = (
        ("pulse", ["pulse_on", *(["pulse_note"] if pulse.require_note else [])]),
        ("override", ["override_reason", "override_until"]),
    )
    for field, others in needs:
        absent = [name for name in others if name not in account_fields]
        if field in account_fields and absent:
            yield problem(
                field,
                f"the account book has {field} but not {' and '.join(absent)}, so it would never count",
                f"map {' and '.join(absent)} in the master's [crm.<name>.read], or remove {field} there",
            )


def of_profiles(model: ScoringModel, account_fields: Fields) -> Iterator[Problem]:
    """List what is wrong with profiles."""
    profiles = {profile.id: profile for profile in model.profiles}
    for profile in model.profiles:
        key = f"profile[{profile.id}]"
        yield from of_account_condition(f"{key}.when", profile.when, account_fields)
        if profile.inherits and profile.inherits not in profiles:
            yield unknown(f"{key}.inherits", f"profile {profile.inherits!r}", profiles)
        elif _inherits_itself(profile, profiles):
            yield problem(f"{key}.inherits", "it inherits itself in the end", "remove one of the links")
        yield from _of_changes(key, profile, model)
    yield from duration("cross_fade", model.cross_fade)


def _inherits_itself(profile: Profile, profiles: Mapping[str, Profile]) -> bool:
    seen: set[str] = set()
    at: Profile | None = profile
    while at is not None and at.id not in seen:
        seen.add(at.id)
        at = profiles.get(at.inherits)
    return at is not None


def _of_changes(key: str, profile: Profile, model: ScoringModel) -> Iterator[Problem]:
    categories = [category.id for category in model.categories]
    ids = [signal.id for signal in model.signals]
    for table, weights in (("weights", profile.weights), ("boost", profile.boost or {})):
        for name, weight in weights.items():
            if name not in categories:
                yield unknown(f"{key}.{table}.{name}", f"category {name!r}", categories)
            yield from at_least_zero(f"{key}.{table}.{name}", weight)
    for change in profile.signals:
        at = f"{key}.signal[{change.id}]"
        if change.id not in ids:
            yield unknown(f"{at}.id", f"signal {change.id!r}", ids)
        if change.weight is not None:
            yield from at_least_zero(f"{at}.weight", change.weight)
        if change.normalise is not None:
            yield from of_curve(f"{at}.normalise", change.normalise)
        if isinstance(change.on_no_data, int | float) and not 0 <= change.on_no_data <= 100:
            yield problem(f"{at}.on_no_data", f"is {change.on_no_data:g}", "write points between 0 and 100")
    if profile.min_coverage is not None:
        yield from share(f"{key}.min_coverage", profile.min_coverage)


def of_hierarchy(model: ScoringModel, account_fields: Fields) -> Iterator[Problem]:
    """List what is wrong with the hierarchy."""
    rule = model.hierarchy
    if not 0 < rule.yellow_share < rule.red_share <= 1:
        yield problem(
            "hierarchy.red_share", "is not above yellow_share", "use 0 < yellow_share < red_share ≤ 1"
        )
    if rule.mode != "own" and account_fields is not None and "parent" not in account_fields:
        yield problem(
            "hierarchy.mode",
            "the account book does not say who belongs to whom",
            'map parent in the master\'s [crm.<name>.read], or write mode = "own"',
        )


def of_formats(model: ScoringModel) -> Iterator[Problem]:
    """List what is wrong with formats."""
    formats = model.formats
    lowest = list(formats.letters.values())
    if not lowest or min(lowest) != 0:
        yield problem("formats.letters", "no letter begins at 0", "let the last letter begin at 0")
    if len(set(lowest)) < len(lowest) or not all(0 <= value <= 100 for value in lowest):
        yield problem("formats.letters", "begin twice at the same score", "give each its own start, 0 to 100")
    red, yellow = formats.colours
    if not 0 < red < yellow < 100:
        yield problem("formats.colours", f"are {red:g} and {yellow:g}", "use 0 < red < yellow < 100")
