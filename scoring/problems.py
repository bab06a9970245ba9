"""What is wrong with a scoring model, all at once."""

from collections.abc import Collection

from scoring.definition import ScoringModel
from scoring.errors import Problem


def problems(model: ScoringModel, account_fields: Collection[str] | None = None) -> list[Problem]:
    """List everything wrong with a model; `account_fields` are the mapped ones, None skips that check."""
    raise NotImplementedError
