"""The programs that take statements in: acceptance, one commit a batch, signed acknowledgement; and
the only writer of the ledger, in the same process or in one of its own.

They hold no key that opens a vehicle.
"""
