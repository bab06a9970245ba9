"""What varies between accounts, with its default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviour of the Stripe stand-in that can be changed while it runs."""

    keys: tuple[str, ...] = ("rk_live_sandbox",)
    """API keys that are accepted."""
    missing_permissions: tuple[str, ...] = ()
    """What the key may not read: customers, subscriptions, invoices."""
    livemode: bool = True
    """False: all objects say they belong to a test mode account."""
    default_version: str = "2025-03-31.basil"
    """How it answers when the request names no Stripe-Version."""
    old_shapes: bool = False
    """True: answers as before version basil, whatever the request names."""
    limits: bool = True
    """False: no limit at all."""
    requests_per_second: int = 100
    """All calls in a second (real time)."""
    endpoint_per_second: int = 25
    """Calls of one endpoint in a second."""
    should_retry: str = ""
    """What 409, 429 and 5xx say in Stripe-Should-Retry: true, false, or nothing."""
