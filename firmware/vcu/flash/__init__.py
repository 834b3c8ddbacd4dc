"""What survives a power cut: who the vehicle obeys, what it did, and what nobody has heard yet."""
