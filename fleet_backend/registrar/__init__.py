"""Enrols gateways: the only program that is given the certificate authority; it has no socket."""
