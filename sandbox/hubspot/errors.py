"""Refusals in HubSpot's words.

One `Refused` is one record's or one request's refusal; who catches it decides whether it becomes the answer
of the whole request or one entry of a multi-status answer.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.wire import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One property value that cannot be taken."""

    name: str
    code: str
    message: str


class Refused(Exception):
    """The stand-in refuses a request or one record."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        category: str = "VALIDATION_ERROR",
        context: Mapping[str, Sequence[str]] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.category = category
        self.context = context or {}
        self.errors = errors

    def answer(self) -> Answer:
        """Give it as an HTTP answer."""
        return Answer(status=self.status, body=self.body())

    def body(self) -> dict[str, Any]:
        """Give the standard error object."""
        body: dict[str, Any] = {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid.uuid4()),
            "category": self.category,
        }
        if self.context:
            body["context"] = self.context
        if self.errors:
            body["errors"] = self.errors
        return body

    def entry(self, trace_id: str) -> dict[str, Any]:
        """Give it as one error of a multi-status answer; the trace id is all that tells whose it is."""
        context = {**self.context, "objectWriteTraceId": [trace_id]} if trace_id else self.context
        return {"status": "error", "category": self.category, "message": self.message, "context": context}


def invalid_values(problems: Sequence[Problem]) -> Refused:
    """Say which property values of one record cannot be taken."""
    listed = [
        {"isValid": False, "message": each.message, "error": each.code, "name": each.name}
        for each in problems
    ]
    return Refused(
        f"Property values were not valid: {orjson.dumps(listed).decode()}",
        errors=[
            {"message": each.message, "code": each.code, "context": {"propertyName": [each.name]}}
            for each in problems
        ],
    )


def not_found(what: str = "resource not found") -> Refused:
    """Say that there is nothing at this address."""
    return Refused(what, status=404, category="OBJECT_NOT_FOUND")


def missing_objects(type_name: str, ids: Sequence[str]) -> Refused:
    """Say that a batch named ids that are not there."""
    return Refused(
        f"Could not get some {type_name.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid.",
        status=404,
        category="OBJECT_NOT_FOUND",
        context={"ids": list(ids)},
    )
