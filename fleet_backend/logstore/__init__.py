"""A log that no single machine holds: order of entries and signed checkpoint in the fleet's
database, files in an object store or a shared folder.

Implements the contracts of `fleet_backend/ledger/contracts.py`.
"""
