"""Blows to a cluster under load, one after the other, each with an account of what was sent."""
