"""The program that takes statements in: acceptance, one commit a batch, signed acknowledgement.

It is also the only writer of the ledger. It holds no key that opens a vehicle.
"""
