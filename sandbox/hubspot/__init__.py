"""A stand-in for a HubSpot account: CRM objects, properties, owners and associations, with limits and lag."""

from sandbox.hubspot.rest import HubSpot

__all__ = ["HubSpot"]
