"""What is uncertain or varies between orgs, with its default.

Where the documentation leaves the behaviour of a real org open, a client should survive both; a test sets the
switch each way. Defaults lean to the less forgiving side.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviour of the Salesforce stand-in that can be changed while it runs."""

    # The org.
    daily_api_requests: int = 100_000
    """Calls in a rolling 24 hours; past it 403 REQUEST_LIMIT_EXCEEDED."""
    session_seconds: int = 7200
    """A session ends after this long without a call (simulated time)."""
    consumer_key: str = "sandbox-key"
    consumer_secret: str = "sandbox-secret"
    instance_url: str = ""
    """What a login names as the org's address; empty means the one the client used."""
    run_as_user: bool = True
    """False: the app has no client-credentials user, the most common mistake in setting one up."""
    api_enabled: bool = True
    """False: 403 API_DISABLED_FOR_ORG."""
    oldest_version: int = 31
    newest_version: int = 68

    # Unverified: what a real org does is not known for sure.
    number_as_float: bool = True
    """A Number(3,0) comes back as 77.0, not 77."""
    text_trimmed: bool = True
    """White space around text is not stored."""
    numeric_text_accepted: bool = False
    """A number sent as "77" is taken."""
    type_mismatch_per_record: bool = True
    """In collections a value of the wrong JSON type fails its record; False: 400 for the whole call."""
    microseconds_accepted: bool = False
    """A datetime with more than three decimals is taken."""
    duplicate_updates_allowed: int = 12
    """How often one collections call may update the same id."""
    failed_result_has_id: bool = False
    """A failed item of an update names its id; real ones usually do not."""
    locator_seconds: int = 900
    """How long nextRecordsUrl stays good."""
    task_key_external_id: bool = True
    """Task.Health_Task_Key__c is an external id."""
    task_key_unique: bool = False
    """… and unique. No documentation says that a field on activities can be."""
    page_size: int = 2000
    """Records in a page of a query, when the client asks for none; fewer with two long text fields."""
