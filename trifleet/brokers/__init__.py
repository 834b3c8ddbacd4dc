"""Brokers that carry the messages: configuration and process of each, behind one interface.

None is trusted and none is a store: see docs/transport.md.
"""
