"""What a program that reads and writes many rows asks of Python's garbage collector."""

import gc

_YOUNG_OBJECTS = 20_000


def spare_the_collector() -> None:
    """Rows are thousands of small tuples and no cycles: looking for cycles costs 3 % of a core.

    What the imports made is not looked at again either: that would stop everybody for some 70 ms
    now and then. For a program's start.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
