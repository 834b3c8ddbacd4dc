"""The label on a vehicle: a code that riders' phones read, its name, and what to do in need."""
