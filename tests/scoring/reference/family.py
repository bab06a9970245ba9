"""What the hierarchy makes of parents: every account above others takes a score from all beneath it."""

from collections.abc import Iterator, Mapping, Sequence

from scoring.definition import ScoringModel
from tests.scoring.reference.adjust import arr_of, cuts_of
from tests.scoring.reference.curves import through
from tests.scoring.reference.values import FULL, Fields, known_text, to_units


def rolled(model: ScoringModel, book: Mapping[str, Fields], own: Mapping[str, int]) -> dict[str, int]:
    """Give the score of every parent in units, from own scores in units."""
    if model.hierarchy.mode == "own":
        return {}
    children: dict[str, list[str]] = {}
    for name, parent in parents(book).items():
        children.setdefault(parent, []).append(name)
    result: dict[str, int] = {}
    for parent in children:
        members = [name for name in _beneath(parent, children) if name in own]
        if members:
            pairs = [(own[name] / 10_000, arr_of(book[name])) for name in members]
            result[parent] = to_units(_together(model, pairs))
    return result


def parents(book: Mapping[str, Fields]) -> dict[str, str]:
    """Give the parent of everybody who has one in the book; who is part of a circle has none."""
    above = {name: known_text(fields, "parent") for name, fields in book.items()}
    above = {name: parent for name, parent in above.items() if parent in book}
    return {name: parent for name, parent in above.items() if not _in_circle(name, above)}


def _in_circle(name: str, above: Mapping[str, str]) -> bool:
    place = name
    for _ in above:
        if place not in above:
            return False
        place = above[place]
        if place == name:
            return True
    return False


def _beneath(name: str, children: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield name
    for child in children.get(name, ()):
        yield from _beneath(child, children)


def _together(model: ScoringModel, pairs: Sequence[tuple[float, float | None]]) -> float:
    mode, rules = model.hierarchy.mode, model.hierarchy
    if mode == "min":
        return min(points for points, _ in pairs)
    weighted = [(points, arr) for points, arr in pairs if arr is not None]
    if not weighted:
        weighted = [(points, 1.0) for points, _ in pairs]
    whole = sum(arr for _, arr in weighted)
    if mode == "arr_weighted_mean" or all(arr is None for _, arr in pairs):
        return sum(points * arr for points, arr in weighted) / whole
    cuts = cuts_of(model.bands, model.quantum)
    red = sum(arr for points, arr in weighted if to_units(points) < cuts.yellow) / whole
    knots = [
        (0.0, FULL / 10_000),
        (rules.yellow_share, cuts.green / 10_000),
        (rules.red_share, cuts.yellow / 10_000),
        (1.0, 0.0),
    ]
    return through(knots, red)
