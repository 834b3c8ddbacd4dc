"""The load generator: a fleet that exists only as keys and messages, and an account of each one.

`plan` says when vehicles ride, rest and are out of reach; `vehicle` and `gateway` make what real
ones would make; `lines` carries it; `journal` notes it; `audit` compares the note with the log.
"""
