"""Negative answers (ISO 14229-1 Annex A.1) in words, as this vehicle means them."""

REASONS: dict[int, str] = {
    0x10: "it refuses",
    0x11: "it has no such service",
    0x12: "it has no such function",
    0x13: "the request has a wrong length",
    0x21: "it is busy with another request: repeat it",
    0x22: "it is not locked, not standing, or not ready for it",
    0x24: "not now: something else has to come first",
    0x31: "it does not have this, or not in this session",
    0x33: "nobody who may has allowed it",
    0x35: "the signed command does not pass its check",
    0x36: "too many bad signatures: wait a while",
    0x70: "it takes no update now",
    0x71: "more bytes than were announced",
    0x72: "it could not be written, or is not what it claims to be",
    0x73: "blocks in a wrong order",
    0x7E: "not in this session",
    0x7F: "not in this session",
    0x93: "its battery is below 30 %, or nobody knows",
}
