"""What the holder of a command's id may follow: the command, and the vehicle while it is theirs.

The vehicle's own records bound it: reports flow from the answer to the unlock until the vehicle is
locked again. A command that the vehicle has not obeyed shows nothing of the vehicle.
"""

from sqlalchemy import Connection

from fleet_backend.fleet import commands, events, records, vehicles
from fleet_backend.fleet.commands import CommandRow
from protocol import command as wire
from protocol import lock, record

from . import items, stream
from .hub import Item

OBEYED = (commands.EXECUTED, commands.PENDING)


class Follower:
    """One reader's view of one command; fed with events in their order."""

    def __init__(self, connection: Connection, row: CommandRow) -> None:
        self._id = row.id.hex()
        self._vehicle = row.vehicle
        self._action = row.action
        self._state = row.state
        self._ended = _has_ended(connection, row)
        self._obeyed_at = _obeyed_at(connection, row)
        self.newest = events.newest_id(connection)
        self.first = self._first(connection, row)

    def wants(self, item: Item) -> bool:
        """Cheap choice of the events that concern this command or its vehicle."""
        if item.topic == events.COMMAND:
            return item.subject == self._id
        return item.subject == self._vehicle and item.topic in (events.VEHICLE, events.RECORD)

    def choose(self, item: Item) -> Item | None:
        """What is shown of an event: the command always, the vehicle while it may be seen."""
        if item.topic == events.COMMAND:
            self._state = str(item.data["state"])
            return item
        if item.id <= self._obeyed_at:
            return None  # who resumes far back does not see who had the vehicle before
        if item.topic == events.RECORD:
            self._note(item)
            return None
        return item if self._may_see(str(item.data.get("state"))) else None

    def _note(self, item: Item) -> None:
        body = item.data.get("body", {})
        locked = item.data.get("kind") == record.LOCK and body.get("state") == lock.LOCKED
        if locked and self._state in OBEYED:
            self._ended = True

    def _may_see(self, state: str) -> bool:
        if self._state not in OBEYED:
            return False
        # A locked vehicle's place is public; a later rider's way is not.
        over = self._ended or (self._action != wire.UNLOCK and self._state == commands.EXECUTED)
        return state == items.LOCKED or not over

    def _first(self, connection: Connection, row: CommandRow) -> list[bytes]:
        shown = items.command(connection, row).model_dump()
        chunks = [stream.encode(events.COMMAND, shown, self.newest)]
        state = vehicles.state(connection, row.vehicle)
        if state.boot is not None and self._may_see(state.state):
            chunks.append(stream.encode(events.VEHICLE, items.report(state), self.newest))
        return chunks


def _obeyed_at(connection: Connection, row: CommandRow) -> int:
    """The event that told that the vehicle obeyed; 0 where it did not, or nobody can go so far."""
    told = events.about(connection, events.COMMAND, row.id.hex())
    return next((event.id for event in told if event.data.get("state") in OBEYED), 0)


def _has_ended(connection: Connection, row: CommandRow) -> bool:
    """Has the vehicle been locked since it obeyed?"""
    if row.record_id is None:
        return False
    answer = records.get(connection, row.record_id)
    return records.locked_after(connection, row.vehicle, answer.boot, answer.seq) is not None
