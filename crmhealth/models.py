"""Models on their way into the database and out again: what comes out has the hash of what went in."""

from pydantic import TypeAdapter
from sqlalchemy import Connection

from scoring.definition import ScoringModel, model_hash
from state import models as stored_models
from state.models import StoredModel

_MODEL = TypeAdapter(ScoringModel)


def stored(model: ScoringModel) -> StoredModel:
    """Write a model down."""
    return StoredModel(
        model_hash=model_hash(model),
        version=model.version,
        definition=_MODEL.dump_json(model, by_alias=True).decode(),
    )


def used(connection: Connection, wanted: str, configured: ScoringModel) -> ScoringModel | None:
    """Give the model with a hash: the configured one if it has it, else the one that is remembered."""
    if model_hash(configured) == wanted:
        return configured
    kept = stored_models.model_of(connection, wanted)
    return None if kept is None else _MODEL.validate_json(kept.definition)
