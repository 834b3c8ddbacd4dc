"""What a report says, as rows: one source for the table and for the page. Pure."""

import time
from dataclasses import dataclass

from protocol import workorder
from protocol.workorder import RESULTS as RESULT_NAMES
from protocol.workorder import WorkOrder
from workbench.report.words import RESULTS, SENTENCES, STEPS, TITLES, say

WAITING, ACCEPTED, REFUSED, LOGGED = "waiting", "accepted", "refused", "logged"
_DIGESTS = ("release", "configuration", "identity")


@dataclass(frozen=True)
class Report:
    """A work order with what is known of its statement. `origin` and `index` where it is LOGGED."""

    order: WorkOrder
    notary: str
    number: int
    state: str
    origin: str = ""
    index: int = 0


def rows(report: Report, language: str) -> list[tuple[str, str]]:
    """(title, value) of everything but the lists."""
    order = report.order
    values = {
        "vehicle": order.vehicle,
        "outcome": outcome(order, language),
        "mechanic": order.mechanic,
        "notary": f"{report.notary}, no. {report.number}",
        "began": _moment(order.began, language),
        "ended": _moment(order.ended, language),
        "board": order.board,
        "unique_id": order.unique_id.hex() or say(SENTENCES, "none", language),
        "interpreter": order.interpreter or say(SENTENCES, "none", language),
    }
    for name in _DIGESTS:
        values[name] = getattr(order, name).hex() or say(SENTENCES, "none", language)
    values["ledger"] = ledger(report, language)
    return [(say(TITLES, name, language), value) for name, value in values.items()]


def outcome(order: WorkOrder, language: str) -> str:
    """Done, or not."""
    key = "done" if order.outcome == workorder.DONE else "not-done"
    return say(SENTENCES, key, language, n=order.outcome)


def ledger(report: Report, language: str) -> str:
    """What the public ledger has to do with it."""
    return say(SENTENCES, report.state, language, index=report.index, origin=report.origin or "?")


def tests(report: Report, language: str) -> list[tuple[str, str, str]]:
    """(step, result, measured) of the self-test."""
    return [
        (
            say(STEPS, one.name, language),
            say(RESULTS, RESULT_NAMES[one.result], language),
            "" if one.value is None or not one.unit else f"{one.value} {one.unit}",
        )
        for one in report.order.tests
    ]


def as_json(report: Report) -> dict[str, object]:
    """For machines."""
    said = {"notary": report.notary, "number": report.number, "state": report.state}
    entry = {"log": report.origin, "entry": report.index} if report.state == LOGGED else {}
    return said | entry | workorder.named(report.order)


def _moment(when: int, language: str) -> str:
    if not when:
        return say(SENTENCES, "no-clock", language)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
