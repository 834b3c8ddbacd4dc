"""The backend: one folder a program, none of which holds a key that opens a vehicle."""
