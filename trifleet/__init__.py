"""The trifleet command, and the only place where the programs are wired together."""
