"""Releases on the operator's side: the repository that gateways trust, publication, roll-out."""
