"""What is in the body of a statement: inflated, split, each record opened by itself.

A gateway passes on what its bus says. So a record that does not hold costs itself and nothing else:
the statement is accepted, the records beside it count, and it is set aside by name.
"""

import hmac
import zlib
from collections.abc import Iterable

from fleet_backend.ingest import fast, macs, reasons
from fleet_backend.ingest.fast import Sample
from fleet_backend.ingest.verdicts import BadRecord, RefusalError, View
from protocol import bodies, record, release, statement, workorder
from protocol.errors import DecodeError, VerifyError
from protocol.mac import Hmac
from protocol.workorder import WorkOrder

MAX_BODY_BYTES = 65_535
_LARGEST = (1 << 63) - 1  # what a column of the database holds


def inflate(packed: bytes) -> bytes:
    """At most 65,535 bytes, whatever the stream would grow to (protocol section 7)."""
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(packed, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise RefusalError(reasons.INFLATE, str(error)[:80]) from error
    if len(body) > MAX_BODY_BYTES:
        raise RefusalError(reasons.INFLATE, "too-large")
    if not stream.eof or stream.unused_data:
        raise RefusalError(reasons.INFLATE, "truncated or trailing bytes")
    return body


def open_event(body: bytes) -> tuple[int, str]:
    try:
        return statement.decode_gateway_event(body)
    except DecodeError as error:
        raise RefusalError(reasons.BODY, str(error)) from error


def check_release_head(body: bytes) -> None:
    """A bundle's head, and nothing behind it. Whose keys make a release good is for vehicles to
    say: they verify the signatures in it.
    """
    try:
        if release.head_bytes(body[: release.START_BYTES]) != len(body):
            raise DecodeError("trailing-bytes", "release-head")
        release.decode_head(body)
    except DecodeError as error:
        raise RefusalError(reasons.BODY, str(error)) from error


def open_work_order(body: bytes) -> WorkOrder:
    try:
        return workorder.decode(body)
    except DecodeError as error:
        raise RefusalError(reasons.BODY, str(error)) from error


def open_records(
    body: bytes,
    gateway: str,
    view: View,
    samples: list[Sample],
    records: list[record.Record],
    set_aside: list[BadRecord],
) -> None:
    try:
        items = fast.split_records(body) or statement.decode_records(body)
    except DecodeError as error:
        raise RefusalError(reasons.BODY, str(error)) from error
    for position, item in enumerate(items):
        sample = _fast_sample(item, gateway, view)
        if sample is not None:
            samples.append(sample)
            continue
        try:
            found = _open_record(item, gateway, view)
        except RefusalError as error:
            set_aside.append(BadRecord(position, item, error.reason, error.detail))
            continue
        if found.kind == record.TELEMETRY:
            samples.append(_sample(found))
        else:
            records.append(found)


def _fast_sample(item: bytes, gateway: str, view: View) -> Sample | None:
    found = fast.read_sample(item)
    known = None if found is None else view.vehicles.get(found.sample.vehicle)
    if found is None or known is None or known.gateway != gateway:
        return None
    tag = macs.of(known.record_key).tag(found.message)
    return found.sample if hmac.compare_digest(tag, found.tag) else None


def _open_record(item: bytes, gateway: str, view: View) -> record.Record:
    try:
        claimed = record.decode_unverified(item)
        known = view.vehicles.get(claimed.vehicle)
        if known is None or known.gateway != gateway:
            raise RefusalError(reasons.RECORD_VEHICLE, claimed.vehicle)
        found = record.open_record(item, Hmac(known.record_key).matches)
    except DecodeError as error:
        raise RefusalError(reasons.RECORD, str(error)) from error
    except VerifyError as error:
        where = f"{claimed.vehicle} boot {claimed.boot} seq {claimed.seq}"
        raise RefusalError(reasons.RECORD_MAC, where) from error
    _check_range(found.vehicle, found.seq, found.body.values())
    return found


def _check_range(vehicle: str, seq: int, values: Iterable[object]) -> None:
    """The wire carries 65 bits of integer, the database 64: refuse by name what does not fit."""
    for value in values:
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise RefusalError(reasons.RECORD_RANGE, f"{vehicle} seq {seq}")


def _sample(found: record.Record) -> Sample:
    values = tuple(found.body.get(key) for key in range(len(bodies.BODIES[record.TELEMETRY])))
    return Sample(found.vehicle, found.boot, found.seq, found.time, values)  # type: ignore[arg-type]
