"""The stand-in for Zendesk Support: tickets and organizations, to be read."""

from sandbox.zendesk.rest import Zendesk

__all__ = ["Zendesk"]
