"""Pictures of the vehicles, drawn from their numbers."""
