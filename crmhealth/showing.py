"""From a judgement to what every CRM record should show, and to the task for an account that turned red."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from zoneinfo import ZoneInfo

import orjson

from crmhealth import playbooks
from crmhealth.judging import Judgement
from crmhealth.outputs import Outputs, level
from crmhealth.playbooks import Playbook
from crmhealth.settings import CrmSettings, Settings
from scoring.definition import model_hash
from scoring.model import Band
from sync.fields import RIDING, FieldMapping, show
from sync.values import LEFT, NewTask, Remembered, TaskChange, Transition, Wanted

SUBJECT_LENGTH = 200


def wanted(
    judgement: Judgement,
    crms: Sequence[CrmSettings],
    links: Mapping[str, Mapping[str, str]],
    remembered: Mapping[tuple[str, str], Remembered],
) -> Iterator[Wanted]:
    """Say what every linked record should show that may not show it yet. `links`: per CRM, crm_id -> account_id.

    Records that were acknowledged with the same fingerprint in every mapped field are left out: nothing is made
    for them, no value and no sentence.
    """
    outputs = Outputs(judgement)
    due: list[tuple[CrmSettings, str, str, str]] = []
    for crm in crms:
        digest = _digest(crm.table.write)
        also = sorted({mapping.output for mapping in crm.table.write.values()})
        for crm_id, account_id in sorted(links[crm.name].items()):
            if account_id not in judgement.rows:
                continue
            fingerprint = "|".join((digest, *outputs.material(account_id, also)))
            known = remembered.get((crm.name, crm_id))
            same = known is not None and known.fingerprint == fingerprint
            if known is None or not same or not set(crm.table.write) <= set(known.acknowledged):
                due.append((crm, crm_id, account_id, fingerprint))
    explanations = judgement.explained({account_id for _, _, account_id, _ in due})
    for crm, crm_id, account_id, fingerprint in due:
        shown = outputs.of(account_id, explanations[account_id], _names(crm))
        yield Wanted(
            account_id=account_id,
            account_name=judgement.accounts[account_id].name,
            crm=crm.name,
            crm_id=crm_id,
            values={name: show(mapping, shown[mapping.output]) for name, mapping in crm.table.write.items()},
            fingerprint=fingerprint,
            reason=explanations[account_id].short,
        )


def _names(crm: CrmSettings) -> frozenset[str]:
    return frozenset(mapping.output for mapping in crm.table.write.values())


def leavers(
    judgement: Judgement,
    crms: Sequence[CrmSettings],
    links: Mapping[str, Mapping[str, str]],
    remembered: Mapping[tuple[str, str], Remembered],
) -> Iterator[Wanted]:
    """Say that records of accounts that left the book should show nothing of ours.

    A record that is linked to an account that is still there is none of them, whoever it belonged to before.
    """
    for crm in crms:
        linked = links[crm.name]
        for (name, crm_id), record in remembered.items():
            if name != crm.name or not any(value is not None for value in record.acknowledged.values()):
                continue
            if linked.get(crm_id) in judgement.rows:
                continue
            yield Wanted(
                account_id=record.account_id,
                account_name=crm_id,
                crm=crm.name,
                crm_id=crm_id,
                values=dict.fromkeys(crm.table.write),
                fingerprint=LEFT,
                reason="no longer among the accounts that are scored",
            )


def riding_fields(crms: Sequence[CrmSettings]) -> frozenset[str]:
    """Name the CRM fields that are written only along with others."""
    return frozenset(
        name for crm in crms for name, mapping in crm.table.write.items() if mapping.output in RIDING
    )


def transitions(judgement: Judgement, known_bands: Mapping[str, str]) -> list[Transition]:
    """List the accounts whose confirmed band changed, and those that are judged for the first time.

    `known_bands` gives the last band other than unknown of every account that ever had one: without one there
    was nothing to fall from, and coming back to it after a time without a score is no change.
    """
    moved: list[Transition] = []
    for account_id, row in judgement.rows.items():
        known = known_bands.get(account_id)
        first = known is None
        before = row["entered_from"]
        if not first and (before is None or (before == Band.UNKNOWN.value and row["band"] == known)):
            continue
        moved.append(
            Transition(
                account_id=account_id,
                account_name=judgement.accounts[account_id].name,
                before=None if first or before is None else Band(str(before)),
                after=judgement.band(account_id),
                migrated=bool(row["migrated"]) and not first,
                quiet=_quiet(row),
            )
        )
    return moved


def _quiet(row: Mapping[str, object]) -> str:
    """Say why nobody should be sent to a customer over this change of band."""
    if row["data_change"]:
        return "other data counts than before"
    if row["flapping"]:
        return "the band changes too often"
    if level(row["confidence"]) == "low":
        return "confidence is low; verify the data"
    return ""


def task_composer(
    judgement: Judgement,
    master: CrmSettings,
    crm_ids: Mapping[str, str],
    books: Sequence[Playbook],
    timezone: ZoneInfo,
    installation: str,
) -> Callable[[Transition, int], TaskChange | None]:
    """Give the function that writes the task for an account that entered red; `crm_ids` is by account_id."""
    shown = Outputs(judgement)

    def compose(transition: Transition, episode: int) -> TaskChange | None:
        playbook = playbooks.first(books, "entered_red")
        account = judgement.accounts[transition.account_id]
        crm_id = crm_ids.get(transition.account_id)
        if playbook is None or crm_id is None:
            return None
        due_on = playbooks.due_date(
            judgement.as_of.astimezone(timezone).date(), playbook.due_in_business_days
        )
        explanation = judgement.explained([transition.account_id])[transition.account_id]
        outputs = shown.of(transition.account_id, explanation, frozenset())
        values = {
            "account": account.name,
            "score": outputs["score"],
            "band": transition.after.value,
            "before": transition.before.value if transition.before else "new",
            "reasons": outputs["reasons"],
            "details": outputs["details"],
            "segment": account.segment,
            "arr": account.arr,
            "renewal_on": account.renewal_on.isoformat() if account.renewal_on else "",
            "due_on": due_on.isoformat(),
            "playbook": playbook.id,
        }
        owner = account.owner_id if account.owner_active else ""
        return TaskChange(
            task=NewTask(
                key=task_key(installation, transition.account_id, playbook.id, episode),
                crm_id=crm_id,
                subject=playbooks.render(playbook.subject, values, playbooks.DEFAULT_SUBJECT)[
                    :SUBJECT_LENGTH
                ],
                body=playbooks.render(playbook.body, values),
                owner_id=owner or playbook.fallback_owner,
                due_on=due_on,
            ),
            crm=master.name,
            account_id=transition.account_id,
            account_name=account.name,
            playbook=playbook.id,
            episode=episode,
            reason=str(outputs["reasons"]),
        )

    return compose


def task_key(
    installation: str, account_id: str, playbook: str, episode: int, step: int = 1, round_number: int = 1
) -> str:
    """Name a task for ever: (account, playbook, episode, step, round), and the database that counts episodes.

    Without the last, a database that was lost and begun anew would take tasks of its predecessor for its own.
    """
    return f"{installation}:{account_id}:{playbook}:{episode}:{step}:{round_number}"


def _digest(mapping: Mapping[str, FieldMapping]) -> str:
    return blake2b(orjson.dumps(mapping, option=orjson.OPT_SORT_KEYS), digest_size=4).hexdigest()


def configuration_digest(settings: Settings) -> str:
    """Identify everything in the configuration that a plan depends on."""
    parts = (
        settings.daemon.model_dump(mode="json", include={"timezone", "on_leave"}),
        [(crm.name, crm.table.model_dump(mode="json")) for crm in settings.crms],
        [
            (source.name, source.match.model_dump(mode="json"), source.connector.model_dump(mode="json"))
            for source in settings.sources
        ],
        model_hash(settings.model),
        {name: model_hash(side) for name, side in settings.side_scores.items()},
        settings.playbooks,
        settings.guard,
    )
    return blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
