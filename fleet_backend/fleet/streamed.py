"""The events of one rider: of his requests and commands, and where his vehicle was meanwhile."""

from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import Connection, delete, func, select

from fleet_backend.fleet import events
from fleet_backend.fleet.events import Event
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.schema import events as table
from fleet_backend.fleet.schema import records, telemetry
from fleet_backend.fleet.trace import Trace
from protocol import record

Span = tuple[int, int]


def of_rider(connection: Connection, trace: Trace) -> Iterator[Event]:
    """What the table still holds of him, oldest first."""
    names = {item.hex() for item in (*trace.grant_ids, *trace.command_ids)} | {*trace.requests}
    yield from of(connection, names.__contains__, trace.rides)


def of(
    connection: Connection, named: Callable[[str], bool], rides: Iterable[Ride]
) -> Iterator[Event]:
    """Those with an id that `named` knows, and those that were during one of the rides."""
    spans = {ride: _spans(connection, ride) for ride in rides}
    for row in connection.execute(select(table).order_by(table.c.id)):
        event = Event(**row._mapping)
        is_his = any(map(named, _ids(event)))
        if is_his or any(_during(event, ride, span) for ride, span in spans.items()):
            yield event


def forget(connection: Connection, events_of_him: Iterable[Event]) -> int:
    """Delete them; returns how many."""
    found = [event.id for event in events_of_him]
    for at in range(0, len(found), 500):
        connection.execute(delete(table).where(table.c.id.in_(found[at : at + 500])))
    return len(found)


def _ids(event: Event) -> Iterator[str]:
    body = event.data.get("body")
    told = body if isinstance(body, dict) else event.data
    yield event.subject
    for name in ("grant_id", "command_id", "id"):
        if isinstance(told.get(name), str):
            yield told[name]


def _during(event: Event, ride: Ride, spans: tuple[Span, Span]) -> bool:
    if event.topic == events.VEHICLE and event.subject == ride.vehicle:
        # A report has no number: the vehicle's time says when it was. The server's does where the
        # vehicle had none; what was late came together with other riders' reports.
        (first, last), (arrived, ended) = spans
        time = event.data.get("time") or 0
        return first <= time <= last if time else arrived <= event.created <= ended
    if event.data.get("kind") in (record.ANSWER, record.REFUSAL):
        return False  # to somebody else: his own are found by their names
    boot, seq = event.data.get("boot"), event.data.get("seq")
    if isinstance(boot, int) and isinstance(seq, int):
        return ride.holds(str(event.data.get("vehicle")), (boot, seq))
    return False


def _spans(connection: Connection, ride: Ride) -> tuple[Span, Span]:
    """(least, greatest) of the vehicle's time and of the server's over the ride's rows."""
    found: list[tuple[int, int]] = []
    for of in (telemetry, records):
        for column in (of.c.time, of.c.server_time):
            known = select(func.min(column), func.max(column)).where(ride.rows(of), column > 0)
            least, most = connection.execute(known).one()
            found.append((1, 0) if least is None else (least, most))
    of_vehicle, of_server = found[0::2], found[1::2]
    return _union(of_vehicle), _union(of_server)


def _union(spans: list[Span]) -> Span:
    real = [span for span in spans if span[0] <= span[1]]
    if not real:
        return 1, 0
    return min(least for least, _ in real), max(most for _, most in real)
