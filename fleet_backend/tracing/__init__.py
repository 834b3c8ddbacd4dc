"""Traces of single commands, from the request to the vehicle's answer, across programs."""
