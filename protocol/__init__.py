"""What crosses every boundary: the wire formats of docs/protocol.md and the checks on them.

Runs unchanged on CPython 3.11+ and on MicroPython. Does no I/O, reads no clock, holds no key.
"""
