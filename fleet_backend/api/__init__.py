"""The HTTP API: a courier between phones, operators and vehicles. It holds no vehicle key."""
