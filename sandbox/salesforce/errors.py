"""Refusals in Salesforce's words: code, message, fields, and the HTTP status of a single-record call.

In a collections call the same refusal becomes one record's result. Texts that are uncertain in a real org are
not something to parse: a client goes by the code.
"""

from collections.abc import Sequence
from typing import Any

from sandbox.wire import Answer


class Refused(Exception):
    """The stand-in refuses a request or one record."""

    def __init__(
        self, code: str, message: str, *, fields: Sequence[str] | None = None, status: int = 400
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status
        self.others: Sequence[Refused] = ()
        """More refusals of the same record: every validation rule that fired is told."""

    def results(self) -> list[dict[str, Any]]:
        """Give it as the errors of a save result: `statusCode`."""
        return [
            {"statusCode": each.code, "message": each.message, "fields": list(each.fields or ())}
            for each in (self, *self.others)
        ]

    def answer(self) -> Answer:
        """Give it as an HTTP answer: an array, `errorCode`."""
        errors: list[dict[str, Any]] = []
        for each in (self, *self.others):
            error: dict[str, Any] = {"message": each.message, "errorCode": each.code}
            if each.fields is not None:
                error["fields"] = list(each.fields)
            errors.append(error)
        return Answer(status=self.status, body=errors)


def not_found() -> Refused:
    """Say that there is nothing at this URL."""
    return Refused("NOT_FOUND", "The requested resource does not exist", status=404)


def session_invalid() -> Refused:
    """Say that the session has ended or never was."""
    return Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def unknown_type(name: str) -> Refused:
    """Say that there is no such object."""
    return Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")


def no_such_column(field: str, object_name: str) -> Refused:
    """Say that a field does not exist, or that this user may not see it: the same words."""
    return Refused("INVALID_FIELD", f"No such column '{field}' on sobject of type {object_name}")


def not_writable(field: str) -> Refused:
    """Say that a field cannot be set by this user."""
    return Refused(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {field}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set.",
        fields=[field],
    )


def deleted() -> Refused:
    """Say that the record was deleted or merged away."""
    return Refused("ENTITY_IS_DELETED", "entity is deleted", fields=[], status=404)


def unknown_record() -> Refused:
    """Say that an id names no record."""
    return Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[], status=404)


def locked(record_id: str) -> Refused:
    """Say that somebody else holds the record."""
    return Refused(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id}",
        fields=[],
    )


def bad_json(detail: str) -> Refused:
    """Say that the body does not parse."""
    return Refused("JSON_PARSER_ERROR", detail)
