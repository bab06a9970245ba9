"""Words to calls. Everything heavy is imported by the command that needs it, so that `--help` is quick.

Exit codes: 0 all done; 1 finished with records rejected or deferred, or no such account or plan; 2
configuration wrong; 3 refused by the guard; 4 a source or CRM could not be reached; 5 state unusable; 70 a bug
of ours.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmhealth.settings import Settings
    from scoring.errors import StateError


def _exit(code: int, **_options: object) -> None:
    raise typer.Exit(code)


app = typer.Typer(
    name="crmhealth",
    help="Scores the health of every customer account and keeps the CRM up to date with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    result_callback=_exit,
)


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    INCOMPLETE = 1
    CONFIG = 2
    REFUSED = 3
    UNREACHABLE = 4
    STATE = 5
    CRASH = 70
    INTERRUPTED = 130


ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file (default: ./crmhealth.toml).")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Judge as of this instant (ISO 8601) or the beginning of this date instead of now."
    ),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="crmhealth")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(Exit.CONFIG)
    return int(Exit.DONE)


@app.command()
def check(
    config: ConfigFile = None,
    json: Json = False,
    offline: Annotated[bool, typer.Option("--offline", help="Judge the file only; ask nobody.")] = False,
) -> int:
    """Check configuration, credentials, permissions and fields; changes nothing."""
    if offline:
        return _configured(config, json, lambda settings: _judged_offline(settings, json))
    from crmhealth import commands

    return _configured(config, json, lambda settings: commands.check(settings, json=json))


@app.command()
def pull(config: ConfigFile = None, json: Json = False, as_of: AsOf = None) -> int:
    """Read the account book and every source into the state database."""
    from crmhealth import commands

    return _configured(
        config,
        json,
        lambda settings: commands.pull(settings, json=json, as_of=_moment(as_of, settings.timezone)),
    )


@app.command()
def score(config: ConfigFile = None, json: Json = False, as_of: AsOf = None) -> int:
    """Score every account from what was pulled, and show the result; writes nothing."""
    from crmhealth import commands

    return _configured(
        config,
        json,
        lambda settings: commands.score(settings, json=json, as_of=_moment(as_of, settings.timezone)),
    )


@app.command()
def plan(
    config: ConfigFile = None,
    json: Json = False,
    as_of: AsOf = None,
    details: Annotated[bool, typer.Option("--details", help="List every field, old and new.")] = False,
) -> int:
    """Decide what would be written, show it, and keep it for `apply`; writes to no CRM."""
    from crmhealth import commands

    return _configured(
        config,
        json,
        lambda settings: commands.plan(
            settings, json=json, as_of=_moment(as_of, settings.timezone), details=details
        ),
    )


@app.command()
def apply(
    plan_id: Annotated[int | None, typer.Argument(help="Number of the plan (default: the newest).")] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Carry out a stored plan, exactly."""
    from crmhealth import commands

    return _configured(config, json, lambda settings: commands.apply(settings, plan_id, json=json))


@app.command()
def approve(
    plan_id: Annotated[int, typer.Argument(help="Number of the plan that the guard refused.")],
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Release a plan that the guard refused; `apply` then carries it out."""
    from crmhealth import commands

    return _configured(config, json, lambda settings: commands.approve(settings, plan_id, json=json))


@app.command()
def cycle(config: ConfigFile = None, json: Json = False, as_of: AsOf = None) -> int:
    """Make one whole pass: pull, score, plan, guard, apply."""
    from crmhealth import commands

    return _configured(
        config,
        json,
        lambda settings: commands.cycle(settings, json=json, as_of=_moment(as_of, settings.timezone)),
    )


@app.command()
def run(config: ConfigFile = None) -> int:
    """Be the daemon: a cycle at every scheduled time, until SIGTERM or SIGINT."""
    from crmhealth import commands

    return _configured(config, False, commands.run)


@app.command()
def status(config: ConfigFile = None, json: Json = False) -> int:
    """Show runs, sources, bands, tasks and what is refused."""
    from crmhealth import commands

    return _configured(config, json, lambda settings: commands.status(settings, json=json))


@app.command()
def rejects(config: ConfigFile = None, json: Json = False) -> int:
    """List every record and task that a CRM refused, with its code and message."""
    from crmhealth import commands

    return _configured(config, json, lambda settings: commands.rejects(settings, json=json))


@app.command()
def explain(
    account: Annotated[str, typer.Argument(help="Account id, CRM id or exact name.")],
    config: ConfigFile = None,
    json: Json = False,
    as_of: AsOf = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Also say why the score changed since this date or instant."),
    ] = None,
) -> int:
    """Show why an account has its score, row by row; the rows add up. A past day is shown as it was published."""
    from crmhealth import explaining

    return _configured(
        config,
        json,
        lambda settings: explaining.explain(
            settings,
            account,
            json=json,
            as_of=_moment(as_of, settings.timezone, end=True),
            since=_moment(since, settings.timezone, end=True),
        ),
    )


@app.command()
def compare(
    model: Annotated[str, typer.Argument(help="TOML file with a [model], or the name of a ready-made one.")],
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Show what another model would change: bands, who moves and why, who would turn red; writes nothing."""
    from crmhealth import comparing

    return _configured(config, json, lambda settings: comparing.compare(settings, model, json=json))


@app.command()
def portfolio(config: ConfigFile = None, json: Json = False) -> int:
    """Show scores, bands and money at risk of the whole base and every segment."""
    from crmhealth import comparing

    return _configured(config, json, lambda settings: comparing.portfolio(settings, json=json))


@app.command()
def schema() -> int:
    """Print the JSON Schema of the configuration file, for editors."""
    from crmhealth import commands

    return commands.schema()


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, to look around.")] = False,
    accounts: Annotated[int, typer.Option("--accounts", min=50, help="Size of the customer base.")] = 300,
    weeks: Annotated[int, typer.Option("--weeks", min=2, help="How many weeks to live through.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another company.")] = 7,
) -> int:
    """Live through several simulated weeks against local stand-ins of every system."""
    from crmhealth import demo as demonstration

    return _guarded(False, lambda: demonstration.demo(keep=keep, accounts=accounts, weeks=weeks, seed=seed))


def _settings(config: Path | None) -> "Settings":
    """Load the configuration from where it is. Raises ConfigError."""
    import os

    from crmhealth.config import load
    from crmhealth.secrets import resolver

    path = config or _default_path()
    return load(path, resolve=resolver(os.environ, path.resolve().parent))


def _default_path() -> Path:
    here = Path("crmhealth.toml")
    if here.exists():
        return here
    personal = Path.home() / ".config" / "crmhealth" / "crmhealth.toml"
    return personal if personal.exists() else here


def _moment(text: str | None, timezone: "ZoneInfo", *, end: bool = False) -> datetime | None:
    """Read a date (its beginning, or its `end`) or an instant; without an offset in the business time zone."""
    from scoring.errors import ConfigError, Problem

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if end and len(text) <= len("2026-11-21"):
            moment += timedelta(days=1, microseconds=-1)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:  # OverflowError: year 1, west of Greenwich
        problem = Problem(key="--as-of", message=f"{text!r} is not a date", remedy="write 2026-11-21")
        raise ConfigError([problem]) from exc


def _judged_offline(settings: "Settings", json: bool) -> int:
    """Say that the file is fine: it loaded, and that is all there is to know without asking anybody."""
    from crmhealth import advice
    from crmhealth.render import Output

    output, today = Output(json=json), datetime.now(settings.timezone).date()
    if json:
        output.document({"ok": True, "results": [], **advice.document(settings, today)})
    else:
        output.line("ok      configuration: no problem found")
        advice.show(output, settings, today)
    return int(Exit.DONE)


def _configured(config: Path | None, json: bool, command: "Callable[[Settings], int]") -> int:
    """Run a command with the configuration."""
    return _guarded(json, lambda: command(_settings(config)))


def _guarded(json: bool, command: "Callable[[], int]") -> int:
    """Run a command; turn our errors into sentences that end with what to do, and exit codes."""
    import structlog

    from crmhealth.logs import configure
    from crmhealth.render import Output
    from scoring import errors

    configure(sys.stderr)
    output = Output(json=json)
    try:
        return command()
    except errors.ConfigError as exc:
        output.problems(exc.problems)
        return int(Exit.CONFIG)
    except errors.BusyError as exc:
        output.failure("state", str(exc), "wait until it is done, or stop it")
        return int(Exit.STATE)
    except errors.StateError as exc:
        output.failure("state", *_state_words(exc))
        return int(Exit.STATE)
    except errors.CredentialsError as exc:
        output.failure(exc.system, exc.detail, "check the credentials and permissions; `crmhealth check`")
        return int(Exit.UNREACHABLE)
    except errors.CrmhealthError as exc:
        output.failure("unreachable", str(exc), "try again; `crmhealth check` says more")
        return int(Exit.UNREACHABLE)
    except KeyboardInterrupt:
        output.failure("interrupted", "stopped by hand", "what was not done is found again by the next cycle")
        return int(Exit.INTERRUPTED)
    except Exception as exc:
        # A bug of ours still ends in one sentence, one document, and the traceback in the log.
        log = structlog.get_logger()
        log.exception("command_crashed")
        output.failure("crash", f"{type(exc).__name__}: {exc}", "please report it, with the log")
        return int(Exit.CRASH)


def _state_words(error: "StateError") -> tuple[str, str]:
    """Give what is wrong with the state, and what to do: our own errors say both, a database only the first."""
    text = str(error)
    message, separator, remedy = text.partition("; ")
    if separator and error.__cause__ is None:
        return message, remedy
    if "database is locked" in text:
        return text, "wait until the other program is done with it"
    return text, "check [daemon] state: its address, its permissions, the room on its disk"


if TYPE_CHECKING:
    from collections.abc import Callable
