"""The commands `compare` and `portfolio`: what another model would change, and how the whole base is doing.

Both look at what is stored; neither remembers or writes anything.
"""

import tomllib
from pathlib import Path

import polars as pl

from crmhealth import config
from crmhealth.advice import answered
from crmhealth.judging import Judgement, judge
from crmhealth.render import Output
from crmhealth.reports import percent
from crmhealth.settings import Settings
from crmhealth.wiring import open_world
from scoring.change import change
from scoring.definition import ScoringModel, model_hash
from scoring.errors import ConfigError, Problem
from scoring.lints import Lint, effective_percentages, lints
from scoring.lints_data import data_lints
from scoring.movers import Comparison
from scoring.movers import compare as side_by_side
from scoring.portfolio import portfolio as summed_up
from scoring.problems import problems as model_problems
from state import scores as stored_scores

MOST_MOVERS = 20


def candidate(settings: Settings, wanted: str) -> ScoringModel:
    """Load a model by the name of a ready-made one, or from a TOML file with a [model]. Raises ConfigError."""
    path = config.ready_made().get(wanted, Path(wanted))
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as exc:
        names = ", ".join(config.ready_made())
        problem = Problem(
            key=wanted,
            message="there is no such file, and no ready-made model of this name",
            remedy=f"name a TOML file with a [model], or one of: {names}",
        )
        raise ConfigError([problem]) from exc
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        problem = Problem(key=wanted, message=f"cannot be read: {exc}", remedy="mend it")
        raise ConfigError([problem]) from exc
    model = config.model_of(raw.get("model"))
    found = model_problems(model, frozenset(settings.master.table.read))
    if found:
        raise ConfigError(found)
    return model


def compare(settings: Settings, wanted: str, *, json: bool) -> int:
    """Show what would be different under another model, judged as of the last scoring."""
    output = Output(json=json)
    try:
        model = candidate(settings, wanted)
    except ConfigError as exc:
        output.problems(exc.problems)
        return 2
    with output.progress() as progress, open_world(settings, alone=None) as world:
        with world.database.reading() as connection:
            as_of = stored_scores.last_as_of(connection)
            if as_of is None:
                output.failure("compare", "nothing has been scored yet", "run `crmhealth cycle` first")
                return 1
            progress.step("score with the live model")
            live = judge(connection, settings, as_of=as_of, streams=world.streams)
            progress.step("score with the other model")
            other = judge(connection, settings, as_of=as_of, streams=world.streams, model=model)
        progress.step("explain the movers")
        found = side_by_side(live.scored, other.scored, most=MOST_MOVERS)
        reasons = {
            account_id: change(live.side(account_id), other.side(account_id), length=400).text
            for account_id in found.movers["account_id"]
        }
    advice = [
        *lints(
            model,
            today=as_of.astimezone(settings.timezone).date(),
            account_fields=frozenset(settings.master.table.read),
            answered=answered(settings),
        ),
        *data_lints(model, other.signals, other.scored, other.book),
    ]
    if json:
        output.document(_document(settings, live, other, found, reasons, advice))
    else:
        _show(output, settings, live, other, found, reasons, advice)
    return 0


def _document(
    settings: Settings,
    live: Judgement,
    other: Judgement,
    found: Comparison,
    reasons: dict[str, str],
    advice: list[Lint],
) -> dict[str, object]:
    def named(frame: pl.DataFrame) -> list[dict[str, object]]:
        return [
            {
                **row,
                "name": live.accounts[row["account_id"]].name,
                "crm_id": live.accounts[row["account_id"]].crm_id,
                **({"why": reasons[row["account_id"]]} if row["account_id"] in reasons else {}),
            }
            for row in frame.iter_rows(named=True)
        ]

    return {
        "as_of": live.as_of,
        "live": {"version": settings.model.version, "hash": model_hash(settings.model)},
        "other": {
            "version": other.model.version,
            "hash": model_hash(other.model),
            "percentages": effective_percentages(other.model),
        },
        "bands": found.bands.to_dicts(),
        "shares": found.shares.to_dicts(),
        "distribution": found.distribution.to_dicts(),
        "moved": found.moved,
        "mean_change": found.mean_change,
        "movers": named(found.movers),
        "would_enter_red": named(found.into_red),
        "lints": advice,
    }


def _show(
    output: Output,
    settings: Settings,
    live: Judgement,
    other: Judgement,
    found: Comparison,
    reasons: dict[str, str],
    advice: list[Lint],
) -> None:
    output.line(
        f"As of {live.as_of.isoformat(timespec='minutes')}: {settings.model.version} "
        f"({model_hash(settings.model)}) against {other.model.version} ({model_hash(other.model)})"
    )
    output.table(
        "What signals weigh in the other model",
        ("signal", "percent"),
        [(name, f"{share:.1f}") for name, share in effective_percentages(other.model).items()],
    )
    output.table("Bands", ("now", "then", "accounts"), [tuple(row) for row in found.bands.iter_rows()])
    output.table(
        "Scores",
        ("from", "now", "then"),
        [tuple(row) for row in found.distribution.iter_rows()],
    )
    change_text = "" if found.mean_change is None else f"; on average {found.mean_change:+.1f} points"
    output.line(f"{found.moved} accounts change band{change_text}.")
    output.table(
        "Who moves most",
        ("account", "now", "then", "why"),
        [
            (live.accounts[row["account_id"]].name, row["before"], row["after"], reasons[row["account_id"]])
            for row in found.movers.iter_rows(named=True)
        ],
    )
    tasks = found.into_red.filter(pl.col("task")).height
    output.line(
        f"{found.into_red.height} accounts would turn red, {tasks} of them with enough confidence for a task. "
        "A change of model opens no tasks: it begins with the bands as they are."
    )
    for lint in advice:
        output.line(f"{lint.level}: {lint.key}: {lint.message}; {lint.remedy}")


def portfolio(settings: Settings, *, json: bool) -> int:
    """Show the whole base and every segment: scores, bands, money at risk."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world, world.database.reading() as connection:
        as_of = stored_scores.last_as_of(connection)
        if as_of is None:
            output.failure("portfolio", "nothing has been scored yet", "run `crmhealth cycle` first")
            return 1
        judgement = judge(connection, settings, as_of=as_of, streams=world.streams, replay=True)
    rows = summed_up(judgement.scored, judgement.book).to_dicts()
    if json:
        output.document({"as_of": as_of, "segments": rows})
        return 0
    output.table(
        f"As of {as_of.isoformat(timespec='minutes')}",
        (
            "segment",
            "accounts",
            "mean",
            "by ARR",
            "red",
            "yellow",
            "green",
            "unknown",
            "ARR at risk",
            "share of ARR",
        ),
        [
            (
                "all" if row["segment"] is None else row["segment"] or "(none)",
                row["accounts"],
                _one(row["mean"]),
                _one(row["arr_mean"]),
                row["red"],
                row["yellow"],
                row["green"],
                row["unknown"],
                f"{row['arr_at_risk']:,.0f}" if row["arr_at_risk"] is not None else None,
                percent(row["arr_at_risk"] / row["arr"]) if row["arr"] else None,
            )
            for row in rows
        ],
    )
    return 0


def _one(number: float | None) -> str | None:
    return None if number is None else f"{number:.1f}"
