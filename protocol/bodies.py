"""What the bodies of records hold, and the check of it (docs/protocol.md section 6).

Imported by who reads records: a vehicle only writes them.
"""

from protocol import fields, record
from protocol.errors import DecodeError

# kind -> (name, check) by key. Whole but for those in NEEDED.
BODIES = {
    record.BOOT: (
        ("firmware", "text"),
        ("reset_cause", "uint"),
        ("provisioning_fault", "uint"),
        ("last_boot", "uint"),
        ("unsent", "uint"),
    ),
    record.LOCK: (("state", "uint"), ("previous", "uint"), ("reason", "uint")),
    record.ANSWER: (
        ("command_id", "octets"),
        ("action", "uint"),
        ("grant_id", "octets"),
        ("outcome", "uint"),
    ),
    record.REFUSAL: (
        ("command_id", "octets"),
        ("code", "uint"),
        ("action", "uint"),
        ("unrecorded", "uint"),
    ),
    record.TELEMETRY: (
        ("speed_mmps", "sint"),
        ("odometer_m", "uint"),
        ("pack_mv", "uint"),
        ("pack_da", "sint"),
        ("soc_permille", "uint"),
        ("lat_e7", "sint"),
        ("lon_e7", "sint"),
        ("state", "uint"),
        ("motor_temp_c", "sint"),
        ("heading_cdeg", "uint"),
        ("inverter_temp_c", "sint"),
        ("cell_min_mv", "uint"),
        ("cell_max_mv", "uint"),
        ("charging", "uint"),
        ("gnss_speed_mmps", "uint"),
        ("supply_mv", "uint"),
        ("cap_mmps", "uint"),
        ("warning", "uint"),
        ("steering_cdeg", "sint"),
        ("pack_temp_c", "sint"),
        ("rest", "uint"),
    ),
    record.FAULT: (("node", "uint"), ("code", "uint"), ("present", "boolean")),
    record.LOST: (("samples", "uint"),),
    record.HEALTH: (
        ("uptime_s", "uint"),
        ("heap_free", "uint"),
        ("missed", "uint"),
        ("piece_ms", "uint"),
        ("can_tx_errors", "uint"),
        ("can_rx_errors", "uint"),
        ("can_warnings", "uint"),
        ("can_overruns", "uint"),
        ("ring_overflows", "uint"),
        ("bus_offs", "uint"),
        ("unsent", "uint"),
        ("bad_crc", "uint"),
        ("wrong_length", "uint"),
        ("repeated", "uint"),
        ("skipped", "uint"),
        ("too_fast", "uint"),
        ("tp_malformed", "uint"),
        ("tp_timeouts", "uint"),
        ("tp_overflows", "uint"),
        ("tp_sequence", "uint"),
        ("tp_interrupted", "uint"),
        ("journal_records", "uint"),
        ("journal_thinned", "uint"),
        ("journal_damaged", "uint"),
        ("refusals_untold", "uint"),
        ("faults_untold", "uint"),
        ("crashes", "uint"),
        ("resets", "uint"),
        ("supply_mv", "uint"),
        ("board_temp_c", "sint"),
    ),
    record.EGRESS: (("state", "uint"), ("speed_mmps", "sint")),
    record.UPDATE: (
        ("stage", "uint"),
        ("digest", "octets"),
        ("code", "uint"),
        ("number", "uint"),
    ),
}
# What is not known is left out: kind -> how many of the first keys are there all the same.
NEEDED = {record.TELEMETRY: 0, record.HEALTH: 0, record.EGRESS: 1}
# What should be 0 in a HEALTH record: it is made when one of these rises.
TROUBLES = (
    "missed",
    "can_warnings",
    "can_overruns",
    "ring_overflows",
    "bus_offs",
    "bad_crc",
    "wrong_length",
    "repeated",
    "skipped",
    "too_fast",
    "tp_malformed",
    "tp_timeouts",
    "tp_overflows",
    "tp_sequence",
    "tp_interrupted",
    "journal_thinned",
    "journal_damaged",
    "refusals_untold",
    "faults_untold",
    "crashes",
)
_CHECKS = {
    "uint": fields.uint,
    "sint": fields.sint,
    "octets": fields.octets,
    "text": fields.text,
    "boolean": fields.boolean,
}


def check_body(kind: int, body: object) -> dict[int, object]:
    """The body of a record of this kind. Raises DecodeError."""
    names = BODIES[kind]
    value = fields.map_of(body, "record.body", range(len(names)), optional=kind in NEEDED)
    for key in range(NEEDED.get(kind, 0)):
        if key not in value:
            raise DecodeError("missing-key", "record.body")
    if kind == record.HEALTH and not value:  # a sample with nothing fresh has a time; this, nothing
        raise DecodeError("field", "record.body")
    for key in value:
        name, check = names[key]
        _CHECKS[check](value[key], "record.body." + name)  # type: ignore[operator]
    return value
