"""The steps, each from the version before it."""
