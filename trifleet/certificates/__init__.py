"""The installation's own certificates: who may speak to the broker, and who the broker is."""
