"""The daemon: wait for a slot, run a cycle, record it, again. Stops cleanly on SIGTERM and SIGINT.

APScheduler says when; that each slot runs once is the unique (job, slot) row in our own database.
"""

import signal
from datetime import datetime, timedelta
from typing import Any

import structlog

from crmhealth.cycle import World, cycle
from crmhealth.settings import Settings
from crmhealth.wiring import Stop, open_world
from scoring.errors import BusyError, ConfigError, StateError

log = structlog.get_logger()

JOB = "cycle"
# A laptop that slept or a host that was down runs the missed cycle when it is back, within this time.
CATCH_UP = timedelta(hours=12)
BUSY_SECONDS = 5.0


def serve(settings: Settings) -> int:
    """Run until told to stop; the exit code is 0, or 5 where the state became unusable."""
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.cron import CronTrigger

    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.request())
    failed: list[StateError] = []
    with open_world(settings, stop=stop, alone="daemon") as world:

        def job() -> None:
            try:
                run_due(world, stop)
            except StateError as exc:
                failed.append(exc)
                stop.request()

        scheduler: Any = BackgroundScheduler(timezone=settings.timezone)
        for at in settings.daemon.cycle_at:
            hour, minute = at.split(":")
            # misfire_grace_time: the default would drop a job that is a second late.
            scheduler.add_job(
                job,
                CronTrigger(hour=int(hour), minute=int(minute), timezone=settings.timezone),
                misfire_grace_time=int(CATCH_UP.total_seconds()),
                coalesce=True,
                max_instances=1,
            )
        scheduler.add_job(job)  # what was missed while we were down
        scheduler.start()
        log.info("daemon_started", cycle_at=list(settings.daemon.cycle_at), timezone=settings.daemon.timezone)
        while not stop.requested():
            stop.sleep(3600)
        scheduler.pause()
        scheduler.shutdown(wait=True)
        log.info("daemon_stopped")
    if failed:
        raise failed[0]
    return 0


def run_due(world: World, stop: Stop) -> None:
    """Run the newest slot that is due and has not been run; whatever goes wrong, the next slot comes.

    Waits while a command of an admin (`apply`, `cycle`) is at work. Raises StateError.
    """
    slot = due_slot(world.settings, world.clock())
    if slot is None:
        return
    while not stop.requested():
        try:
            with world.database.exclusive("work"):
                report = cycle(world, world.clock(), job=JOB, slot=slot)
        except BusyError:
            stop.sleep(BUSY_SECONDS)
        except StateError:
            raise
        except ConfigError as exc:
            # Only a clock that was set back, or a new master: nothing that waiting a moment would mend.
            log.error("cycle_refused", slot=slot, reasons=[problem.message for problem in exc.problems])
            return
        except Exception:  # the daemon outlives the surprise of one cycle
            log.exception("cycle_failed", slot=slot)
            return
        else:
            if report is not None:
                log.info("slot_finished", slot=slot, outcome=report.outcome)
            return


def due_slot(settings: Settings, now: datetime) -> str | None:
    """Name the newest scheduled time that has passed, by local date; None if it is too long ago."""
    local = now.astimezone(settings.timezone)
    candidates = []
    for days_back in (0, 1):
        day = local.date() - timedelta(days=days_back)
        for at in settings.daemon.cycle_at:
            hour, minute = at.split(":")
            moment = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=settings.timezone)
            if moment <= local:
                candidates.append((moment, f"{day.isoformat()}T{at}"))
    if not candidates:
        return None
    moment, slot = max(candidates)
    return slot if local - moment <= CATCH_UP else None
