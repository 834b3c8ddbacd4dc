"""Writes what was accepted, with all that follows from it, in the caller's one transaction."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection

from fleet_backend.fleet import engine, events, gateway_keys, rollups, vehicles, workorders
from fleet_backend.fleet.gateway_keys import Change
from fleet_backend.ingest import states
from fleet_backend.ingest.acceptance import FUTURE_S
from fleet_backend.ingest.effects import apply_record, report_gateway
from fleet_backend.ingest.states import Lock, Newest, News
from fleet_backend.ingest.verdicts import Accepted
from protocol import lock, record


def store(connection: Connection, accepted: Sequence[Accepted], now: int) -> None:
    """Raises ExistsError where another process stored one of them in the meantime."""
    if not accepted:
        return
    first = engine.batch(connection).next_statement_id(connection)
    numbered = list(enumerate(accepted, first))
    _insert(connection, numbered, now)
    _update_states(connection, accepted, now)
    # In the order of the vehicle's own numbers: an answer precedes the lock that completes it.
    singles = [(entry, number) for number, item in numbered for entry in item.records]
    singles.sort(key=lambda pair: (pair[0].vehicle, pair[0].boot, pair[0].seq))
    for entry, number in singles:
        apply_record(connection, entry, number, now)
    for number, item in numbered:
        if item.event is not None:
            report_gateway(connection, item.gateway, item.event, now)
        if item.work_order is not None:
            workorders.add(connection, number, item.work_order)
        if item.new_key is not None:
            change = Change(
                item.gateway, item.seq + 1, item.new_key, number, item.salt, item.packed
            )
            gateway_keys.add(connection, change, now)


def _insert(connection: Connection, numbered: Sequence[tuple[int, Accepted]], now: int) -> None:
    rows, bodies, samples = [], [], []
    for number, one in numbered:
        rows.append(
            (
                number,
                one.gateway,
                one.seq,
                one.hash,
                one.prev_hash,
                one.kind,
                one.time,
                now,
                one.statement,
                one.future,
            )
        )
        if not one.released:
            bodies.append((number, one.salt, one.packed))
        for item in one.samples:
            key = (item.vehicle, item.boot, item.seq, number, item.time, now)
            samples.append(key + item.values)
    batch = engine.batch(connection)
    batch.insert_statements(connection, rows)
    batch.insert_bodies(connection, bodies)
    batch.insert_samples(connection, samples)
    seen = ((item.vehicle, item.time) for _, one in numbered for item in one.samples)
    rollups.mark(connection, seen, now)


def _update_states(connection: Connection, accepted: Sequence[Accepted], now: int) -> None:
    news = _news(accepted, now)
    if not news:
        return
    held = vehicles.newest_rows(connection, news)
    rows, streamed = [], []
    for name, items in news.items():
        old = held.get(name)
        before = None if old is None else Newest(old[0], old[1], old[2], old[3], old[4:])
        after = states.fold(before, items, now)
        if after is None or after is before:
            continue
        rows.append((name, *after[:4], *after.values))
        data = json.dumps(states.as_event(after, lock.STATES))
        streamed.append((events.VEHICLE, name, data, now))
    batch = engine.batch(connection)
    batch.put_states(connection, rows)
    batch.insert_events(connection, streamed)


def _news(accepted: Sequence[Accepted], now: int) -> dict[str, list[News]]:
    """What each vehicle says of its present; a record from the future says nothing of it."""
    latest = now + FUTURE_S
    news: dict[str, list[News]] = {}
    for one in accepted:
        if one.future:
            continue
        for item in one.samples:
            if item.time <= latest:
                news.setdefault(item.vehicle, []).append(_at_some_time(item, one))
        for entry in one.records:
            if entry.kind == record.LOCK and entry.time <= latest:
                state = int(entry.body[0])  # type: ignore[call-overload]
                lock_news = Lock(entry.vehicle, entry.boot, entry.seq, entry.time, state)
                news.setdefault(entry.vehicle, []).append(_at_some_time(lock_news, one))
    return news


def _at_some_time(item: News, one: Accepted) -> News:
    """A vehicle that has no clock yet is shown at the gateway's time."""
    return item if item.time else item._replace(time=one.time)
