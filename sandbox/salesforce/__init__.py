"""A stand-in for a Salesforce org: REST API with sessions, field permissions, limits and partial failures."""

from sandbox.salesforce.rest import Salesforce

__all__ = ["Salesforce"]
