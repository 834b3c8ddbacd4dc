"""A statement of a notary in a few words."""

from protocol import release, statement, workorder
from trifleet.notary.archive import Kept


def about(one: Kept) -> str:
    """Which vehicle, or which release."""
    if one.is_forgotten:
        return "(forgotten)"
    if one.kind == statement.WORK_ORDER:
        order = workorder.decode(one.body)
        return f"{order.vehicle} on {order.board}, outcome {order.outcome}"
    if one.kind == statement.RELEASE:
        head = release.decode_head(one.body)
        digest = release.digest(head.raw).hex()[:16]
        return f"{head.manifest.board} {head.manifest.version}, {digest}..."
    return statement.decode_gateway_event(one.body)[1]
