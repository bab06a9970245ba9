"""What every CRM gateway promises, as a suite; each gateway's test class says how to make one."""

from collections.abc import Mapping
from datetime import date

from sync.ports import Crm
from sync.values import FieldUpdate, NewTask, OutcomeStatus, Value

ACKNOWLEDGED, REJECTED = OutcomeStatus.ACKNOWLEDGED, OutcomeStatus.REJECTED


class CrmContract:
    """Subclasses give the gateway, three record ids, the CRM's names of two fields, and a look behind it."""

    crm: Crm
    ids: tuple[str, str, str]
    score_field: str
    text_field: str

    def shown(self, crm_id: str) -> Mapping[str, Value]:
        """Give what the CRM itself says the record holds."""
        raise NotImplementedError

    def tasks(self) -> list[str]:
        """Give the keys of all tasks the CRM itself holds, in order."""
        raise NotImplementedError

    def a_task(self, key: str = "a1:turned_red:1:1:1", **changes: str) -> NewTask:
        return NewTask(
            key=key,
            crm_id=self.ids[0],
            subject=changes.get("subject", "Acme turned red (42)"),
            body="Weekly active users 41 → 27\nPlease <call> & ask",
            owner_id=changes.get("owner_id", ""),
            due_on=date(2026, 11, 24),
        )

    def test_what_is_acknowledged_is_what_the_crm_holds(self) -> None:
        updates = [
            FieldUpdate(crm_id=crm_id, values={self.score_field: 42 + n, self.text_field: "Größe: −9.2 “x”"})
            for n, crm_id in enumerate(self.ids)
        ]

        outcomes = self.crm.write(updates)

        assert [(o.ref, o.status) for o in outcomes] == [(crm_id, ACKNOWLEDGED) for crm_id in self.ids]
        for n, crm_id in enumerate(self.ids):
            held = self.shown(crm_id)
            assert float(str(held[self.score_field])) == 42 + n
            assert held[self.text_field] == "Größe: −9.2 “x”"

    def test_none_clears_a_field_and_what_is_not_named_stays(self) -> None:
        self.crm.write([FieldUpdate(crm_id=self.ids[0], values={self.score_field: 42, self.text_field: "x"})])

        self.crm.write([FieldUpdate(crm_id=self.ids[0], values={self.score_field: None})])

        held = self.shown(self.ids[0])
        assert held[self.score_field] in (None, "")
        assert held[self.text_field] == "x"

    def test_a_record_that_does_not_exist_is_rejected_and_the_others_are_written(self) -> None:
        absent = self.ids[0][:-4] + "9999" if len(self.ids[0]) > 4 else "999999"

        outcomes = self.crm.write(
            [
                FieldUpdate(crm_id=self.ids[0], values={self.score_field: 1}),
                FieldUpdate(crm_id=absent, values={self.score_field: 2}),
                FieldUpdate(crm_id=self.ids[2], values={self.score_field: 3}),
            ]
        )

        assert [o.status for o in outcomes] == [ACKNOWLEDGED, REJECTED, ACKNOWLEDGED]
        assert outcomes[1].code
        assert float(str(self.shown(self.ids[2])[self.score_field])) == 3

    def test_a_task_is_opened_with_its_key_and_found_by_it(self) -> None:
        (outcome,) = self.crm.open_tasks([self.a_task()])

        assert outcome.status is ACKNOWLEDGED
        assert outcome.created_id
        assert self.tasks() == ["a1:turned_red:1:1:1"]

    def test_a_task_nobody_opened_is_not_found(self) -> None:
        assert self.crm.find_tasks([self.a_task("a9:turned_red:1:1:1")]) == {}
