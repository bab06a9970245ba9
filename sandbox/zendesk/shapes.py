"""How records look on the wire, and how cursors are written.

What is stored is flat and short, with times as unix seconds; an object is made from it when somebody asks.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sandbox.table import Row
from sandbox.zendesk.errors import Refused, invalid

OBJECTS: Mapping[str, Mapping[str, Any]] = {
    "organizations": {
        "id": None,
        "name": "",
        "external_id": None,
        "domain_names": (),
        "organization_fields": {},
        "created_at": 0,
    },
    "users": {"id": None, "name": "", "email": None, "organization_id": None},
    "tickets": {
        "id": None,
        "organization_id": None,
        "requester_id": None,
        "status": "new",
        "priority": None,
        "subject": None,
        "score": "unoffered",
        "created_at": 0,
        "updated_at": 0,
        "generated_timestamp": 0,
        "solved_at": None,
        "tags": (),
    },
}
"""What can be seeded, and what a record holds that does not say."""


def ticket(row: Row, base_url: str, sideloads: Sequence[str]) -> dict[str, Any]:
    """Show a ticket; of a deleted one the words are gone."""
    deleted = row["status"] == "deleted"
    subject = "SCRUBBED" if deleted else row["subject"] or f"Ticket {row['id']}"
    shown = {
        "url": f"{base_url}/api/v2/tickets/{row['id']}.json",
        "id": row["id"],
        "external_id": None,
        "via": {"channel": "email", "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["updated_at"]),
        "generated_timestamp": row["generated_timestamp"],
        "type": "incident",
        "subject": subject,
        "raw_subject": subject,
        "description": "SCRUBBED" if deleted else "It does not work as expected.",
        "priority": row["priority"],
        "status": row["status"],
        "recipient": None,
        "requester_id": row["requester_id"],
        "submitter_id": row["requester_id"],
        "assignee_id": None,
        "organization_id": row["organization_id"],
        "group_id": None,
        "tags": list(row["tags"]),
        "custom_fields": [],
        "satisfaction_rating": {"score": row["score"]},
        "fields": [],
        "allow_channelback": False,
        "is_public": True,
    }
    if "metric_sets" in sideloads and not deleted:
        shown["metric_set"] = {
            "ticket_id": row["id"],
            "created_at": stamp(row["created_at"]),
            "updated_at": stamp(row["updated_at"]),
            "solved_at": None if row["solved_at"] is None else stamp(row["solved_at"]),
            "reopens": 0,
        }
    return shown


def organization(row: Row, base_url: str) -> dict[str, Any]:
    """Show an organization."""
    return {
        "url": f"{base_url}/api/v2/organizations/{row['id']}.json",
        "id": row["id"],
        "name": row["name"],
        "shared_tickets": False,
        "shared_comments": False,
        "external_id": row["external_id"],
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["created_at"]),
        "domain_names": list(row["domain_names"]),
        "details": None,
        "notes": None,
        "group_id": None,
        "tags": [],
        "organization_fields": dict(row["organization_fields"]),
    }


def cursor_text(cursor: tuple[int, int, str]) -> str:
    """Write a place in the order of the export; the note is noise."""
    generated, ticket_id, note = cursor
    return base64.b64encode(f"{generated}.0||{ticket_id}|{note}".encode()).decode()


def read_cursor(text: str) -> tuple[int, int]:
    """Read the place that a cursor means; raises Refused."""
    try:
        generated, _, rest = base64.b64decode(text, validate=True).decode().partition("||")
        return int(float(generated)), int(rest.partition("|")[0])
    except ValueError:
        raise Refused(400, invalid("InvalidCursor", "The cursor is not valid")) from None


def stamp(seconds: int) -> str:
    """Write a time as Zendesk does."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
