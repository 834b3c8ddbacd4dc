"""Routes, one noun a file; handlers are free of `try`, `problems.py` turns errors into answers."""
