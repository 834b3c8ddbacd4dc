"""What the backend knows of its fleet: tables, and one repository a noun.

Repositories take a SQLAlchemy Connection and plain values, and return small frozen dataclasses.
`keys` and `settings` are what the backend's programs read when they start.
"""
