"""Measurements behind `make bench`; each prints one JSON object. Nothing here is a test."""
