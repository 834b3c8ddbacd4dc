"""A notary comes into the fleet: the gateway's enrolment, and where its receipts come from."""

from pathlib import Path

from edge_gateway.enrol import Plan, enrol
from edge_gateway.enrol_carrier import Carrier, checked_address
from edge_gateway.enrol_files import write_private
from trifleet.notary.notary import ADDRESS


def enrol_notary(folder: Path, url: str, code: str, carrier: Carrier, wait_s: float = 120) -> str:
    """The notary's name, when its folder is whole. Raises EnrolError; the same again goes on.

    Without the file of the address, where power went before the last line, receipts are fetched
    with `--url`.
    """
    name = enrol(Plan(folder, (), wait_s, is_notary=True), code, carrier)
    write_private(folder / ADDRESS, checked_address(url).encode())
    return name
