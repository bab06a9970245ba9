"""Sessions with the CRMs: client, login, retry, reading. `sync.crm` writes through the same session."""
