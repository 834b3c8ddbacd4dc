"""A table of states: (state, event) -> state; what is not in it is an error."""

from collections.abc import Mapping

from fleet_backend.fleet.errors import LifecycleError

Table = Mapping[tuple[str, str], str]


def step(table: Table, noun: str, state: str, event: str) -> str:
    """The next state. Raises LifecycleError where the table has no such step."""
    try:
        return table[state, event]
    except KeyError:
        raise LifecycleError(noun, state, event) from None
