"""Refusals in Zendesk's words."""

from collections.abc import Mapping
from typing import Any

from sandbox.wire import Answer

JSON = "application/json; charset=utf-8"


class Refused(Exception):
    """A request is not carried out."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = Answer(status=status, body=body, headers=headers or {}, content_type=JSON)


def invalid(error: str, description: str) -> dict[str, str]:
    return {"error": error, "description": description}


def forbidden() -> dict[str, Any]:
    message = "You do not have access to this page. Please contact the account owner for further help."
    return {"error": {"title": "Forbidden", "message": message}}


def too_many() -> tuple[int, dict[str, str]]:
    sentence = "Number of allowed incremental export API requests per minute exceeded"
    return 429, {"error": "APIRateLimitExceeded", "description": sentence}
