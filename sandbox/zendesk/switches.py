"""What varies between accounts, with its default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviour of the Zendesk stand-in that can be changed while it runs."""

    email: str = "admin@sandbox.example"
    """Whom the API token belongs to."""
    api_token: str = "sandbox-token"
    oauth_token: str = "sandbox-oauth"
    """An OAuth access token, accepted as a bearer."""
    admin: bool = True
    """False: the credentials are an agent's, and the export is forbidden (403)."""
    limits: bool = True
    """False: no limit at all."""
    export_per_minute: int = 10
    """Calls of the export in a minute."""
    requests_per_minute: int = 700
    """All calls in a minute."""
    simulated_minutes: bool = False
    """True: minutes are counted by the simulated clock instead of real time."""
    empty_pages: int = 0
    """Every n-th page of the export is empty though the stream goes on; 0 means never."""
    too_recent_seconds: int = 60
    """A start_time nearer to now than this is refused with 422; some say 300."""
    final_empty_page: bool = True
    """The last page of organizations is an empty one after the last that holds any, as recorded."""
