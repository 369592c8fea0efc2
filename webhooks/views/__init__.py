"""Shells: the address that forges call, and the pages of the ledger."""
