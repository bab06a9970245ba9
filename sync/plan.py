"""Decides what a run would write: wanted against remembered, values in and a plan out.

Knows nothing of databases, networks or clocks. The plan of what was just applied is empty; if it is not,
`sync.fields.canonical` has a hole.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from scoring.model import Band
from sync.values import (
    Adoption,
    EpisodeChange,
    FieldChange,
    Plan,
    RecordChange,
    Remembered,
    TaskChange,
    Transition,
    Values,
    Wanted,
)


def make_plan(
    *,
    as_of: datetime,
    baseline: bool,
    scored: int,
    wanted: Iterable[Wanted],
    remembered: Mapping[tuple[str, str], Remembered],
    riding: frozenset[str],
    transitions: Sequence[Transition],
    open_episodes: Mapping[str, int],
    last_episodes: Mapping[str, int],
    waiting_tasks: Sequence[TaskChange],
    compose_task: Callable[[Transition, int], TaskChange | None],
    present: Collection[str] | None = None,
) -> Plan:
    """Compare what records should show with what they show; turn band changes into episodes and tasks.

    `remembered` is keyed (crm, crm_id). `riding` names the fields that are only written along with others.
    `open_episodes` and `last_episodes` give, by account_id, the number of the episode that is open and of
    the last one there was. `compose_task` writes the task for an account that entered red in episode n.
    `present` are the accounts that are scored: the episodes of all others end (None: nobody has left).
    """
    records: list[RecordChange] = []
    adoptions: list[Adoption] = []
    for item in wanted:
        known = remembered.get((item.crm, item.crm_id))
        decision = _compare(item, known, riding)
        if isinstance(decision, RecordChange):
            records.append(decision)
        elif isinstance(decision, Adoption):
            adoptions.append(decision)

    episodes: list[EpisodeChange] = []
    tasks: list[TaskChange] = []
    for transition in transitions:
        account_id = transition.account_id
        if transition.after is Band.RED and account_id not in open_episodes:
            number = last_episodes.get(account_id, 0) + 1
            quiet = baseline or transition.migrated or transition.before is None or bool(transition.quiet)
            episodes.append(
                EpisodeChange(
                    account_id=account_id, number=number, band=Band.RED, change="opened", baseline=quiet
                )
            )
            task = None if quiet else compose_task(transition, number)
            if task is not None:
                tasks.append(task)
        elif transition.after in (Band.YELLOW, Band.GREEN) and account_id in open_episodes:
            episodes.append(
                EpisodeChange(
                    account_id=account_id,
                    number=open_episodes[account_id],
                    band=Band.RED,
                    change="closed",
                    baseline=False,
                )
            )
    if present is not None:
        episodes += [
            EpisodeChange(
                account_id=account_id, number=number, band=Band.RED, change="closed", baseline=False
            )
            for account_id, number in sorted(open_episodes.items())
            if account_id not in present
        ]
    over = {change.account_id for change in episodes if change.change == "closed"}
    tasks += [change for change in waiting_tasks if change.account_id not in over]
    return Plan(
        as_of=as_of,
        baseline=baseline,
        transitions=tuple(transitions),
        records=tuple(sorted(records, key=lambda change: (change.crm, change.crm_id))),
        adoptions=tuple(adoptions),
        episodes=tuple(episodes),
        tasks=tuple(sorted(tasks, key=lambda change: (change.crm, change.task.crm_id, change.task.key))),
        scored=scored,
    )


def _compare(
    item: Wanted, known: Remembered | None, riding: frozenset[str]
) -> RecordChange | Adoption | None:
    acknowledged: Values = known.acknowledged if known else {}
    unproven = known is not None and known.observed is not None and not known.observed
    observed: Values = (known.observed if known else None) or {}
    new = {name for name, value in item.values.items() if value is not None} - set(acknowledged)
    if known is not None and known.fingerprint == item.fingerprint and not new:
        return None
    # What the CRM showed at the last reading is the truth where we have no acknowledged value, and where an
    # answer was lost: then it already shows what we want.
    # Unproven and not read since: everything is written again.
    shown = {} if unproven else {**acknowledged, **observed}
    changes = tuple(
        FieldChange(field=name, before=shown.get(name), after=value)
        for name, value in sorted(item.values.items())
        if name not in shown or shown[name] != value
    )
    if all(change.field in riding for change in changes):
        kept = {name: shown.get(name) for name in item.values}
        return Adoption(
            crm=item.crm,
            crm_id=item.crm_id,
            account_id=item.account_id,
            values=kept,
            fingerprint=item.fingerprint,
        )
    return RecordChange(
        crm=item.crm,
        crm_id=item.crm_id,
        account_id=item.account_id,
        account_name=item.account_name,
        changes=changes,
        fingerprint=item.fingerprint,
        reason=item.reason,
    )
