"""What is wrong with a scoring model, all at once, each with its key and what to write instead.

Refuses to stop at the first mistake, and to judge taste: a lint that advises is not a problem.
"""

from collections.abc import Collection

from scoring.definition import ScoringModel
from scoring.errors import Problem
from scoring.limits import rules as limits
from scoring.problems.rules import (
    of_formats,
    of_hierarchy,
    of_limit,
    of_notes,
    of_points,
    of_profiles,
)
from scoring.problems.signals import of_metric, of_signal
from scoring.problems.whole import MOST_SIGNALS, of_bands, of_categories, of_renewal, of_the_whole

__all__ = ["MOST_SIGNALS", "problems"]


def problems(
    model: ScoringModel,
    account_fields: Collection[str] | None = None,
    series_topics: Collection[str] | None = None,
) -> list[Problem]:
    """List everything wrong with a model.

    `account_fields` are the fields the account book is mapped to, `series_topics` the topics that sources
    deliver as dated numbers; None leaves these checks out.
    """
    return [
        *of_the_whole(model),
        *of_bands(model),
        *of_categories(model),
        *(problem for signal in model.signals for problem in of_signal(signal, model)),
        *(
            problem
            for signal in model.signals
            for problem in of_metric(signal, account_fields, series_topics)
        ),
        *(problem for rule in limits(model) for problem in of_limit(rule, model, account_fields)),
        *(problem for rule in model.points for problem in of_points(rule)),
        *of_notes(model, account_fields),
        *of_profiles(model, account_fields),
        *of_hierarchy(model, account_fields),
        *of_formats(model),
        *of_renewal(model),
    ]
