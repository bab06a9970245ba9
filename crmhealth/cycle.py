"""One pass: pull, score, plan, guard, apply, remember. `plan` and `apply` are halves of the same code.

A plan the guard refuses changes nothing, not even what we remember of the accounts: the next pass judges
from the same past, so an outage that was refused leaves no trace when it is over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from connectors import Connector
from connectors.crm._base import CrmSession
from crmhealth import book, showing
from crmhealth.judging import Judgement, judge
from crmhealth.pulling import Puller, PullReport
from crmhealth.settings import Settings
from scoring.definition import model_hash
from scoring.errors import ConfigError, Finding, Problem, StateError
from scoring.model import Band
from state import accounts as stored_accounts
from state import models as stored_models
from state import runs
from state import scores as stored_scores
from state import tasks as stored_tasks
from state.database import Database
from state.migrate import installation_id
from state.recall import StreamName, TopicReading
from state.scores import Judged
from sync import ledger, stored
from sync.apply import Tally, TaskAttempt, apply_plan
from sync.guard import EmptiedSource, findings
from sync.ledger import Ledger
from sync.plan import make_plan
from sync.ports import Crm
from sync.values import OutcomeStatus, Plan, TaskChange, Transition

log = structlog.get_logger()

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far ahead of our clock a moment may lie; clocks of different machines differ."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a pass works with, built by `crmhealth.wiring`."""

    settings: Settings
    database: Database
    streams: frozenset[StreamName]
    """The streams that are configured, the books of the CRMs among them."""
    sessions: Mapping[str, CrmSession]
    sources: Mapping[str, Connector]
    crms: Sequence[Crm]
    clock: Callable[[], datetime]
    stopped: Callable[[], bool]
    progress: Callable[[str], None]
    progress_written: Callable[[int], None]
    progress_total: Callable[[int], None]


@dataclass(kw_only=True)
class CycleReport:
    """How a pass ended."""

    as_of: datetime
    pull: PullReport | None = None
    plan_id: int | None = None
    plan: Plan | None = None
    findings: Sequence[Finding] = ()
    tally: Tally = field(default_factory=Tally)
    applied: bool = False
    stopped: bool = False
    """We were asked to stop before it was done."""

    @property
    def outcome(self) -> str:
        """Give the word under which the run is kept."""
        if self.stopped:
            return "interrupted"
        if self.findings and not self.applied:
            return "refused"
        return "done" if self.exit_code == 0 else "incomplete"

    @property
    def exit_code(self) -> int:
        """Give the exit code of design: 0 done, 1 some rejected or deferred, 3 refused, 4 unreachable."""
        if self.findings and not self.applied:
            return 3
        if self.stopped:
            return 1
        if self.tally.unreachable or (self.pull is not None and self.pull.failed):
            return 4
        left = (OutcomeStatus.REJECTED, OutcomeStatus.DEFERRED, OutcomeStatus.UNKNOWN)
        return 1 if any(self.tally.ended[status] for status in left) else 0

    def summary(self) -> dict[str, object]:
        """Give the numbers that are kept of a run."""
        return {
            "scored": self.plan.scored if self.plan else 0,
            "records_planned": len(self.plan.records) if self.plan else 0,
            "ended": {status.value: self.tally.ended[status] for status in OutcomeStatus},
            "tasks_opened": self.tally.tasks_opened,
            "findings": [finding.message for finding in self.findings],
            "failed_streams": [f"{s.source}.{s.stream}" for s in self.pull.failed] if self.pull else [],
            "unreachable": dict(self.tally.unreachable),
        }


def pull(world: World, as_of: datetime) -> PullReport:
    """Read every CRM's book and every source. Raises ConfigError where that would rewrite history."""
    with world.database.reading() as connection:
        _check_moment(world, as_of, stored_scores.last_as_of(connection))
        others = stored_accounts.masters(connection) - {world.settings.master.name}
    if others:
        problem = Problem(
            key=f"crm.{world.settings.master.name}.master",
            message=f"the accounts in this database were made from {', '.join(sorted(others))}",
            remedy="begin with a new database ([daemon] state), or keep the master",
        )
        raise ConfigError([problem])
    puller = Puller(
        settings=world.settings,
        database=world.database,
        sessions=world.sessions,
        sources=world.sources,
        progress=world.progress,
        stopped=world.stopped,
    )
    return puller.pull(as_of)


def _check_moment(world: World, as_of: datetime, last: datetime | None) -> None:
    """Refuse to write as of a moment before the last one, or one that has not come. Raises ConfigError."""
    if last is not None and as_of < last:
        problem = Problem(
            key="--as-of",
            message=f"{as_of.isoformat()} lies before the last scoring, {last.isoformat()}",
            remedy="look at the past with `crmhealth score --as-of`; if the clock was set back, wait",
        )
        raise ConfigError([problem])
    if as_of > world.clock() + CLOCK_TOLERANCE:
        problem = Problem(
            key="--as-of",
            message=f"{as_of.isoformat()} has not come yet",
            remedy="name a moment that has passed",
        )
        raise ConfigError([problem])


def plan(world: World, as_of: datetime) -> tuple[Plan, Judged, list[Finding], Judgement]:
    """Decide what would be written; nothing is remembered or written. Raises ConfigError."""
    settings = world.settings
    world.progress("score")
    with world.database.reading() as connection:
        _check_moment(world, as_of, stored_scores.last_as_of(connection))
        judgement = judge(connection, settings, as_of=as_of, streams=world.streams)
        _say_if_reused(connection, settings)
        world.progress("plan")
        made = _plan_of(connection, world, judgement)
    found = findings(made, settings.guard, emptied(settings, judgement.readings))
    return made, judgement.judged(), found, judgement


def _say_if_reused(connection: Connection, settings: Settings) -> None:
    """Warn where another model has been used under this one's version: its name no longer says which it is."""
    before = stored_models.hashes_of(connection, settings.model.version)
    if before and model_hash(settings.model) not in before:
        log.warning(
            "model_version_reused",
            version=settings.model.version,
            hash=model_hash(settings.model),
            before=before,
        )


def emptied(settings: Settings, readings: Sequence[TopicReading]) -> list[EmptiedSource]:
    """List the streams whose newest listing was not believed because it shrank."""
    crms = {crm.name for crm in settings.crms}
    return [
        EmptiedSource(
            setting=f"{'crm' if reading.source in crms else 'sources'}.{reading.source}",
            source=reading.source,
            stream=reading.stream,
            before=reading.expected,
            now=reading.delivered,
        )
        for reading in readings
        if reading.expected is not None and reading.delivered is not None
    ]


def _plan_of(connection: Connection, world: World, judgement: Judgement) -> Plan:
    settings = world.settings
    links = book.links(connection, settings.crms, judgement.as_of)
    remembered = ledger.remembered(connection, [crm.name for crm in settings.crms])
    scores = stored_scores.current(connection)
    bands = ((row.account_id, row.memory.get("known_band")) for row in scores)
    known_bands = {account_id: str(band) for account_id, band in bands if band is not None}
    names = {account_id: account.name for account_id, account in judgement.accounts.items()}
    wanted = list(showing.wanted(judgement, settings.crms, links, remembered))
    if settings.daemon.on_leave == "clear":
        wanted += showing.leavers(judgement, settings.crms, links, remembered)
    master_ids = {account_id: crm_id for crm_id, account_id in links[settings.master.name].items()}
    compose = showing.task_composer(
        judgement,
        settings.master,
        master_ids,
        settings.playbooks,
        settings.timezone,
        installation_id(connection),
    )
    waiting = [_brought_up_to_date(item, judgement, compose) for item in ledger.waiting(connection, names)]
    return make_plan(
        as_of=judgement.as_of,
        baseline=not known_bands,
        scored=len(judgement.rows),
        wanted=wanted,
        remembered=remembered,
        riding=showing.riding_fields(settings.crms),
        transitions=showing.transitions(judgement, known_bands),
        open_episodes=stored_tasks.open_episodes(connection),
        last_episodes=stored_tasks.last_episodes(connection),
        waiting_tasks=waiting,
        compose_task=compose,
        present=judgement.rows.keys(),
    )


def _brought_up_to_date(
    waiting: TaskAttempt,
    judgement: Judgement,
    compose: Callable[[Transition, int], TaskChange | None],
) -> TaskChange:
    """Write a task that nobody has been asked to open with today's owner, due date and words."""
    change = waiting.change
    if waiting.attempted_at is not None or change.account_id not in judgement.rows:
        return change
    turned = Transition(
        account_id=change.account_id, account_name=change.account_name, before=None, after=Band.RED
    )
    anew = compose(turned, change.episode)
    return anew if anew is not None and anew.task.key == change.task.key else change


def store_plan(world: World, made: Plan, judged: Judged, found: Sequence[Finding]) -> int:
    """Keep a plan as ready or refused."""
    with world.database.transaction() as connection:
        return stored.store(
            connection,
            made,
            judged,
            found,
            configuration=showing.configuration_digest(world.settings),
            now=world.clock(),
        )


def apply(world: World, plan_id: int, made: Plan, judged: Judged) -> Tally:
    """Carry out a plan that is ready or approved."""
    with world.database.transaction() as connection:
        now = world.clock()
        ledger.accept(connection, made, judged, now)
        runs.set_plan_status(connection, plan_id, "applied", now=now)
    world.progress_total(len(made.records) + len(made.tasks))
    return apply_plan(
        made,
        world.crms,
        Ledger(world.database, world.clock),
        clock=world.clock,
        stopped=world.stopped,
        progress=world.progress_written,
    )


def cycle(
    world: World, as_of: datetime, *, job: str = "cycle", slot: str | None = None
) -> CycleReport | None:
    """Make one whole pass; None if this slot has been run already."""
    with world.database.transaction() as connection:
        run_id = runs.begin(connection, job=job, slot=slot, as_of=as_of, now=world.clock())
    if run_id is None:
        return None
    report = CycleReport(as_of=as_of)
    try:
        _pass(world, report)
    except StateError:
        raise
    except BaseException as exc:
        # Whatever it was, the run is on record as failed; who called says what becomes of it.
        with world.database.transaction() as connection:
            summary = {**report.summary(), "failure": f"{type(exc).__name__}: {exc}"}
            outcome = "interrupted" if isinstance(exc, KeyboardInterrupt) else "failed"
            runs.finish(connection, run_id, outcome=outcome, summary=summary, now=world.clock())
        raise
    report.stopped = world.stopped()
    with world.database.transaction() as connection:
        runs.finish(connection, run_id, outcome=report.outcome, summary=report.summary(), now=world.clock())
    log.info("cycle_finished", outcome=report.outcome, scored=report.summary()["scored"])
    return report


def _pass(world: World, report: CycleReport) -> None:
    report.pull = pull(world, report.as_of)
    if world.stopped():
        return
    made, judged, found, _ = plan(world, report.as_of)
    report.plan, report.findings = made, found
    report.plan_id = store_plan(world, made, judged, found)
    if found:
        log.warning("plan_refused", plan=report.plan_id, findings=[finding.rule for finding in found])
        return
    report.tally = apply(world, report.plan_id, made, judged)
    report.applied = True


def apply_stored(world: World, plan_id: int | None) -> CycleReport | str:
    """Carry out a stored plan; a sentence says why it cannot be."""
    with world.database.reading() as connection:
        kept = runs.load_plan(connection, plan_id)
        if kept is None:
            return "there is no such plan; make one with `crmhealth plan`"
        if kept.status == "refused":
            return f"plan {kept.plan_id} was refused; release it with `crmhealth approve {kept.plan_id}`"
        if kept.status not in runs.OPEN_STATUSES:
            return f"plan {kept.plan_id} is {kept.status}; make a new one with `crmhealth plan`"
        if stored.is_stale(connection, kept):
            return f"plan {kept.plan_id} is stale: accounts have been scored since; make a new one"
        if not kept.beside:
            return f"plan {kept.plan_id} was made by an earlier version; make a new one"
        if kept.configuration != showing.configuration_digest(world.settings):
            return f"plan {kept.plan_id} is stale: the configuration has changed since; make a new one"
    made = stored.restored(kept)
    tally = apply(world, kept.plan_id, made, stored.restored_judged(kept))
    return CycleReport(as_of=kept.as_of, plan_id=kept.plan_id, plan=made, tally=tally, applied=True)


def approve(world: World, plan_id: int, by: str) -> str | None:
    """Release a plan the guard refused; a sentence says why it cannot be.

    Sources that had collapsed are believed from their next pull on.
    """
    from state import facts as stored_facts

    with world.database.transaction() as connection:
        kept = runs.load_plan(connection, plan_id)
        if kept is None or kept.status != "refused":
            return f"plan {plan_id} is not waiting for approval" if kept else f"there is no plan {plan_id}"
        now = world.clock()
        for finding in kept.findings:
            if finding.get("rule") == "emptied_source":
                stored_facts.forget_counts(connection, str(finding["setting"]).partition(".")[2])
        runs.set_plan_status(connection, plan_id, "approved", now=now, by=by)
    return None


def match_counts(world: World) -> list[stored_accounts.MatchCount]:
    """Count matched and unmatched accounts of every source."""
    with world.database.reading() as connection:
        return stored_accounts.match_counts(connection)
