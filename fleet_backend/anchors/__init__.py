"""Anchors: the log's checkpoints written into ledgers of others; nothing waits for them."""
