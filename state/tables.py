"""The tables, once, for SQLite and PostgreSQL alike.

Instants are stored as whole microseconds since 1970 in UTC (`Instant`): they sort, compare and load into a
frame without parsing. Nothing here is overwritten that a replay would need: facts and scores are appended.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Turn an aware datetime into microseconds since 1970; a naive one is a bug and raises TypeError."""
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Turn microseconds since 1970 into an aware UTC datetime."""
    return EPOCH + timedelta(microseconds=microseconds)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_microseconds(int(value))


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row: what tells tasks of this database from those of any other that wrote to the same CRM.
installation = Table(
    "installation",
    metadata,
    Column("installation_id", String(16), primary_key=True),
)

# --- what sources said -------------------------------------------------------------------------------

stream = Table(
    "stream",
    metadata,
    Column("stream_id", Integer, primary_key=True),
    Column("source", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("topic", String(80), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("cursor", Text),
    Column("last_count", Integer),  # facts of the last complete pull, for the collapse guard
    UniqueConstraint("source", "name"),
)

pull = Table(
    "pull",
    metadata,
    Column("pull_id", Integer, primary_key=True),
    Column("stream_id", ForeignKey("stream.stream_id"), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(20), nullable=False),  # running, complete, failed
    Column("facts", Integer, nullable=False, default=0),
    Column("failure", Text),
    # Of a listing that was not believed because it shrank: how much it had before, and now.
    Column("expected", Integer),
    Column("delivered", Integer),
    Index(None, "stream_id", "started_at"),
)


def _fact_columns() -> list[Column[Any]]:
    return [
        Column("stream_id", Integer, nullable=False),
        Column("source_id", String(400), nullable=False),
        Column("known_at", Instant, nullable=False),
        Column("source_version", BigInteger, nullable=False),
        Column("account_key", String(200), nullable=False),
        Column("observed_at", Instant, nullable=False),
        Column("metric", String(80), nullable=False),
        Column("value", Float(53)),
        Column("body", Text),
        Column("deleted", Boolean, nullable=False),
    ]


fact = Table(
    "fact",
    metadata,
    *_fact_columns(),
    # The newest version of one source_id is the one with the greatest known_at.
    PrimaryKeyConstraint("stream_id", "source_id", "known_at"),
    sqlite_with_rowid=False,
)

# Pages of a snapshot or window wait here until the last one has arrived.
staged = Table(
    "staged",
    metadata,
    *_fact_columns(),
    PrimaryKeyConstraint("stream_id", "source_id"),
    sqlite_with_rowid=False,
)

# The accounts of every source, the CRMs included, and which account of ours each of them is.
source_account = Table(
    "source_account",
    metadata,
    Column("source", String(80), primary_key=True),
    Column("account_key", String(200), primary_key=True),
    Column("name", Text, nullable=False),
    Column("external_id", String(200), nullable=False),
    Column("domains", Text, nullable=False),
    Column("account_id", String(40)),
    Column("outcome", String(20), nullable=False),  # matched, unmatched, ambiguous, ignored, new
    Column("method", String(20)),
    Column("evidence", Text),
    Column("decided_at", Instant),
    Index(None, "account_id"),
)

# --- what we concluded -------------------------------------------------------------------------------

run = Table(
    "run",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("job", String(40), nullable=False),
    Column("slot", String(40)),
    Column("as_of", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(20), nullable=False),
    Column("summary", JSON, nullable=False),
    UniqueConstraint("job", "slot"),
)

score = Table(
    "score",
    metadata,
    Column("account_id", String(40), primary_key=True),
    Column("as_of", Instant, nullable=False),
    Column("model_version", String(80), nullable=False),
    Column("score", Float(53)),
    Column("band", String(10), nullable=False),
    Column("confidence", Float(53)),
    Column("memory", Text, nullable=False),  # what the next scoring needs of this one, as JSON
)

score_history = Table(
    "score_history",
    metadata,
    Column("account_id", String(40), primary_key=True),
    Column("as_of", Instant, primary_key=True),
    Column("model_version", String(80), nullable=False),
    Column("score", Float(53)),
    Column("band", String(10), nullable=False),
    Column("confidence", Float(53)),
    Index(None, "as_of"),
    sqlite_with_rowid=False,
)

model = Table(
    "model",
    metadata,
    Column("model_hash", String(40), primary_key=True),
    Column("version", String(80), nullable=False),
    Column("definition", Text, nullable=False),  # as JSON; never changed once it is here
    Column("first_used_at", Instant, nullable=False),
)

cohort = Table(
    "cohort",
    metadata,
    Column("model_hash", String(40), primary_key=True),
    Column("frozen_at", Instant, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # the frame of `scoring.cohort`, as Arrow IPC
)

side_score = Table(
    "side_score",
    metadata,
    Column("name", String(80), primary_key=True),  # of the table [scores.<name>]
    Column("account_id", String(40), primary_key=True),
    Column("as_of", Instant, nullable=False),
    Column("model_version", String(80), nullable=False),
    Column("score", Float(53)),
    Column("band", String(10), nullable=False),
    Column("confidence", Float(53)),
    Column("memory", Text, nullable=False),
)

episode = Table(
    "episode",
    metadata,
    Column("account_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("band", String(10), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("baseline", Boolean, nullable=False),
)

# --- what the CRMs hold ------------------------------------------------------------------------------

crm_record = Table(
    "crm_record",
    metadata,
    Column("crm", String(80), primary_key=True),
    Column("crm_id", String(40), primary_key=True),
    Column("account_id", String(40), nullable=False),
    Column("acknowledged", Text, nullable=False),  # field -> value the CRM has confirmed, as JSON
    Column("fingerprint", Text),  # what those values were made from; None: never acknowledged
    Column("acknowledged_at", Instant),
    Column("observed", Text),  # field -> value at the last reading, as JSON; None: as acknowledged
    Column("before", Text, nullable=False),  # field -> value found before our first write, as JSON
    Column("before_at", Instant, nullable=False),
)

rejection = Table(
    "rejection",
    metadata,
    Column("crm", String(80), primary_key=True),
    Column("crm_id", String(40), primary_key=True),
    Column("subject", String(200), primary_key=True),  # "fields", or the key of a task
    Column("account_id", String(40), nullable=False),
    Column("outcome", String(20), nullable=False),  # rejected, deferred, unknown
    Column("code", String(120), nullable=False),
    Column("message", Text, nullable=False),
    Column("field", String(120)),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("task_key", String(120), primary_key=True),
    Column("account_id", String(40), nullable=False),
    Column("crm", String(80), nullable=False),
    Column("crm_id", String(40), nullable=False),
    Column("playbook", String(80), nullable=False),
    Column("episode", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("owner_id", String(40), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("status", String(20), nullable=False),  # wanted, attempted, open, withdrawn
    Column("crm_task_id", String(40)),
    Column("wanted_at", Instant, nullable=False),
    Column("attempted_at", Instant),
    Column("opened_at", Instant),
    Index(None, "status"),
    Index(None, "account_id"),
)

plan = Table(
    "plan",
    metadata,
    Column("plan_id", Integer, primary_key=True),
    Column("made_at", Instant, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("status", String(20), nullable=False),  # ready, refused, approved, applied, stale
    Column("baseline", Boolean, nullable=False),
    Column("scored", Integer, nullable=False),  # accounts judged; the guard's shares are shares of it
    Column("findings", JSON, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", String(120)),
    Column("configuration", String(32), nullable=False),  # digest of the settings it was made under
    Column("scores", LargeBinary, nullable=False),  # the scores it was made from, remembered when accepted
    Column("beside", LargeBinary),  # what else is remembered then: cohort, model, scores beside health
)

plan_row = Table(
    "plan_row",
    metadata,
    Column("plan_id", ForeignKey("plan.plan_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String(12), nullable=False),  # transition, record, adoption, episode, task
    Column("body", Text, nullable=False),
)
