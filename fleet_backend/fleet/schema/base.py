"""What every table is made of: whole numbers and bytes; times are seconds since 1970."""

from sqlalchemy import BigInteger, Column, Integer, MetaData

# Raised with every migration (fleet/migrations/), which then has the new number.
VERSION = 11

metadata = MetaData()

# SQLite counts up by itself only in a column of the type INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


def row_id(*, counts: bool = True) -> "Column[int]":
    """The number of a row; given by the writer itself where the table does not count."""
    return Column("id", Id, primary_key=True, autoincrement=counts)


def time_(name: str) -> "Column[int]":
    return Column(name, BigInteger, nullable=False)
