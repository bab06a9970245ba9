"""Logging in and the life of a session: the OAuth token endpoint of the stand-in.

Client credentials only. A token carries no expiry; the session behind it ends when it was idle too long, or
when it is revoked. Sessions are not part of snapshots.
"""

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from sandbox.salesforce.org import ORG_ID, Org
from sandbox.wire import Answer, Request

GRANT = "client_credentials"


class Sessions:
    """Tokens handed out, and when each was last used."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._last_used: dict[str, datetime] = {}

    def issue(self) -> str:
        """Open a session and give its token."""
        token = f"{ORG_ID[:15]}!AQ{secrets.token_urlsafe(48)}"
        self._last_used[token] = self._org.clock.now()
        return token

    def touch(self, token: str) -> bool:
        """Use a session; False when it has ended."""
        last_used = self._last_used.get(token)
        if last_used is None:
            return False
        now = self._org.clock.now()
        if now - last_used > timedelta(seconds=self._org.switches.session_seconds):
            self.revoke(token)
            return False
        self._last_used[token] = now
        return True

    def revoke(self, token: str = "") -> None:
        """End one session, or all of them."""
        if token:
            self._last_used.pop(token, None)
        else:
            self._last_used.clear()

    def login(self, request: Request) -> Answer:
        """Answer the token endpoint."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        key, secret = _client(request, form)
        switches = self._org.switches
        if form.get("grant_type") != GRANT:
            return _refusal("unsupported_grant_type", "grant type not supported")
        if key != switches.consumer_key:
            return _refusal("invalid_client_id", "client identifier invalid")
        if secret != switches.consumer_secret:
            return _refusal("invalid_client", "invalid client credentials")
        if not switches.run_as_user:
            return _refusal("invalid_grant", "no client credentials user enabled")
        return Answer(
            body={
                "access_token": self.issue(),
                "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
                "scope": "api",
                "instance_url": switches.instance_url or request.base_url,
                "id": f"{request.base_url}/id/{ORG_ID}/{self._org.user_id}",
                "token_type": "Bearer",
                "issued_at": str(int(self._org.clock.now().timestamp() * 1000)),
            }
        )


def bearer(request: Request) -> str | None:
    """Give the token a request came with; None when its header is missing or of another kind."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme in ("Bearer", "OAuth") and token else None


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return key, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _refusal(error: str, description: str) -> Answer:
    return Answer(status=400, body={"error": error, "error_description": description})
