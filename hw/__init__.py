"""The machine: its bus, its vehicles, and a simulated one. Imports no program and no wire code."""
