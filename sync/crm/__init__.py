"""Writes to CRMs, each through the session that `connectors.crm` keeps with it."""
