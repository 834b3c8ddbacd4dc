"""Releases of the application: built, signed, verified and read. Format: docs/protocol.md, 16."""
