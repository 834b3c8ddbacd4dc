"""Receipts as anybody opens them: the file, the keys that are trusted, and nothing else."""
