"""The tables of states, exhaustively: every pair is in the table or an error."""

from collections import deque
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, update

from fleet_backend.fleet import commands, gateways, grants, lifecycle, vehicles
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import LifecycleError
from fleet_backend.fleet.schema import commands as commands_table
from fleet_backend.fleet.schema import grants as grants_table

COMMAND = bytes(16)
GRANT_STATES = (grants.REQUESTED, grants.CLAIMED, grants.ISSUED, grants.REFUSED, grants.EXPIRED)
GRANT_EVENTS = (grants.CLAIM, grants.ISSUE, grants.REFUSE, grants.EXPIRE)


@pytest.fixture
def connection(shared: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with shared.begin() as connection:
        gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, 1)
        vehicles.register(connection, "v-1", "gw-1", bytes(32), bytes(32), bytes(32), 1)
        yield connection
        connection.rollback()


@pytest.mark.parametrize("state", commands.STATES)
@pytest.mark.parametrize("event", commands.EVENTS)
def test_each_command_step_is_in_the_table_or_an_error(
    connection: Connection, state: str, event: str
) -> None:
    commands.create(connection, COMMAND, "v-1", 1, b"p", 100, 1)
    connection.execute(update(commands_table).values(state=state))
    due = commands.TRANSITIONS.get((state, event))
    if due is None:
        with pytest.raises(LifecycleError) as caught:
            commands.advance(connection, COMMAND, event, 7)
        assert (caught.value.state, caught.value.event) == (state, event)
        due = state
    else:
        assert commands.advance(connection, COMMAND, event, 7).state == due
    found = commands.get(connection, COMMAND)
    assert (found.state, found.updated) == (due, 7 if due != state else 1)


def test_the_command_table_speaks_of_known_states_and_events_only() -> None:
    for (state, event), after in commands.TRANSITIONS.items():
        assert {state, after} <= set(commands.STATES)
        assert event in commands.EVENTS


def test_only_the_vehicles_word_executes_a_command() -> None:
    causes = {event for (state, event), after in commands.TRANSITIONS.items()
              if after == commands.EXECUTED and state != commands.EXECUTED}  # fmt: skip
    assert causes == {commands.EXECUTE, commands.COMPLETE}


def test_what_the_vehicle_did_never_changes() -> None:
    done = commands.EXECUTED
    assert {after for (before, _), after in commands.TRANSITIONS.items() if before == done} == {
        done
    }


def test_a_refusal_changes_by_the_vehicles_own_answer_only() -> None:
    refused = commands.REFUSED
    left = {(event, after) for (before, event), after in commands.TRANSITIONS.items()
            if before == refused and after != refused}  # fmt: skip
    assert left == {(commands.EXECUTE, commands.EXECUTED), (commands.PEND, commands.PENDING)}


def test_every_command_state_can_be_reached_and_left_to_an_end() -> None:
    reached, todo = {commands.QUEUED}, deque([commands.QUEUED])
    while todo:
        state = todo.popleft()
        for (before, _), after in commands.TRANSITIONS.items():
            if before == state and after not in reached:
                reached.add(after)
                todo.append(after)
    assert reached == set(commands.STATES)


@pytest.mark.parametrize("state", GRANT_STATES)
@pytest.mark.parametrize("event", GRANT_EVENTS)
def test_each_grant_step_is_in_the_table_or_an_error(
    connection: Connection, state: str, event: str
) -> None:
    grants.request(connection, "g", "v-1", bytes(32), b"signed", 1)
    connection.execute(update(grants_table).values(state=state))
    steps = {
        grants.CLAIM: lambda: grants.claim(connection, "g", 7),
        grants.ISSUE: lambda: grants.issue(connection, "g", Chain((b"g",), (b"k",)), bytes(32), 7),
        grants.REFUSE: lambda: grants.refuse(connection, "g", "no-delegation", 7),
        grants.EXPIRE: lambda: grants.expire(connection, "g", 7),
    }
    due = grants.TRANSITIONS.get((state, event))
    if due is None:
        with pytest.raises(LifecycleError):
            steps[event]()
    else:
        steps[event]()
    assert grants.get(connection, "g").state == (due or state)


def test_a_step_that_is_not_in_a_table_names_noun_state_and_event() -> None:
    with pytest.raises(LifecycleError, match="door: no step from 'open' by 'fly'"):
        lifecycle.step({("open", "shut"): "closed"}, "door", "open", "fly")
