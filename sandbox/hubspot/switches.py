"""What is uncertain or varies between accounts, with its default.

Where the documentation leaves the behaviour of a real account open, a client should survive both; a test sets
the switch each way. Defaults lean to the less forgiving side.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviour of the HubSpot stand-in that can be changed while it runs."""

    # The account.
    tokens: tuple[str, ...] = ("sandbox-token",)
    """Bearer tokens that are accepted."""
    missing_scopes: tuple[str, ...] = ()
    """Scopes the token lacks, such as crm.objects.companies.write."""
    portal_id: int = 12345
    time_zone: str = "UTC"
    """The daily limit starts anew at its midnight."""
    old_paths: bool = True
    """False: /crm/v3 and /crm/v4 are switched off, only date-based paths answer."""

    # Limits; burst and search windows count real seconds.
    limits: bool = True
    burst_limit: int = 190
    burst_seconds: float = 10.0
    daily_limit: int = 650_000
    search_per_second: int = 5
    retry_after: bool = False
    """A 429 carries Retry-After; it is not promised."""
    daily_headers: bool = True
    """False: as for OAuth apps, the two Daily headers are absent."""
    search_delay_seconds: float = 1.0
    """How long a change takes until searches see it (real seconds)."""
    search_cap: int = 10_000

    # Unverified: what a real account does is not known for sure.
    multi_status: tuple[str, ...] = ("create", "upsert")
    """Batch operations that answer per record when every input has an objectWriteTraceId."""
    missing_in_batch: str = "multi_status"
    """Unknown ids in batch/update: multi_status carries out the others, not_found refuses the whole batch."""
    merged_id: str = "redirect"
    """The id of a company merged away: redirect answers with the survivor, not_found with 404."""
    scalars_accepted: bool = False
    """Numbers and booleans are taken as property values, not only strings."""
    results_reversed: bool = True
    """Results of a batch stand in another order than its inputs."""
    numbers_normalised: bool = False
    """A number is read back as 42 when 42.0 was sent."""
    task_key_unique: bool = False
    """tasks.health_task_key has unique values and can be used as idProperty."""
    archived_owner_refused: bool = True
    """A record cannot be given to an owner who has left."""
    unassociated_is_error: bool = True
    """Associations batch/read names ids without associations as errors (207)."""
