"""Short ways to make the values that planning works with."""

from datetime import UTC, date, datetime

from scoring.model import Band
from sync.values import NewTask, Plan, Remembered, TaskChange, Transition, Values, Wanted

AS_OF = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def wanted(
    account: str = "a1", values: Values | None = None, fingerprint: str = "f1", crm: str = "crm"
) -> Wanted:
    return Wanted(
        account_id=account,
        account_name=account.title(),
        crm=crm,
        crm_id=f"{crm}-{account}",
        values={"score": 42, "computed_at": "t1"} if values is None else values,
        fingerprint=fingerprint,
        reason="because",
    )


def remembered(
    account: str = "a1",
    acknowledged: Values | None = None,
    fingerprint: str | None = "f1",
    observed: Values | None = None,
    crm: str = "crm",
) -> Remembered:
    return Remembered(
        crm=crm,
        crm_id=f"{crm}-{account}",
        account_id=account,
        acknowledged={"score": 42, "computed_at": "t1"} if acknowledged is None else acknowledged,
        fingerprint=fingerprint,
        observed=observed,
    )


def transition(account: str = "a1", before: Band | None = Band.GREEN, after: Band = Band.RED) -> Transition:
    return Transition(account_id=account, account_name=account.title(), before=before, after=after)


def task(account: str = "a1", episode: int = 1, crm: str = "crm") -> TaskChange:
    return TaskChange(
        task=NewTask(
            key=f"{account}:turned_red:{episode}:1:1",
            crm_id=f"{crm}-{account}",
            subject="turned red",
            body="why",
            owner_id="",
            due_on=date(2026, 3, 4),
        ),
        crm=crm,
        account_id=account,
        account_name=account.title(),
        playbook="turned_red",
        episode=episode,
        reason="because",
    )


def a_plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "as_of": AS_OF,
        "baseline": False,
        "transitions": (),
        "records": (),
        "adoptions": (),
        "episodes": (),
        "tasks": (),
        "scored": 100,
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]
