"""The vehicle's refusal codes in words (docs/protocol.md section 5)."""

from fleet_backend.fleet.records import refusal_name
from protocol import refusal

from .models import Refusal

TEXTS = {
    refusal.MALFORMED: "The vehicle could not read the command.",
    refusal.VEHICLE: "The command was made for another vehicle.",
    refusal.CHALLENGE: "The challenge was never given, is used or has run out.",
    refusal.BACKOFF: "Too many bad signatures; the vehicle waits before it checks again.",
    refusal.OWNER: "The grant does not come from this vehicle's owner.",
    refusal.HOLDER: "The grant was given to another key.",
    refusal.GRANT_ID: "The command names another grant than it carries.",
    refusal.NOT_YET: "The grant begins later.",
    refusal.EXPIRED: "The grant has ended.",
    refusal.CLOCK: "The vehicle is unsure of the time and takes only short, recent grants.",
    refusal.GENERATION: "The owner has ended all grants that were given until then.",
    refusal.REVOKED: "The grant was revoked.",
    refusal.WIDENED: "The grant gives more than its giver had.",
    refusal.ACTION: "The grant does not allow this.",
    refusal.SIGNATURE: "A signature does not verify.",
    refusal.UNPROVISIONED: "The vehicle has no owner or no usable key yet.",
    refusal.STATE: "Not possible in the vehicle's present state.",
    refusal.ARGUMENT: "The command's arguments are wrong.",
    refusal.BUSY: "The vehicle is checking another command.",
    refusal.CODE: "The code that was typed is wrong or was used.",
    refusal.RATE: "Too many wrong codes; the vehicle waits before it takes another.",
}


def describe(code: int) -> Refusal:
    """The code with its name and one sentence."""
    return Refusal(code=code, name=refusal_name(code), text=TEXTS.get(code, "Refused."))
