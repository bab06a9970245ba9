"""The stand-in for Stripe: customers, subscriptions and invoices, to be read."""

from sandbox.stripe.rest import Stripe

__all__ = ["Stripe"]
