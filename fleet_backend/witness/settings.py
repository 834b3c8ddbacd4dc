"""The settings of a witness: one frozen dataclass, refused where a value is out of bounds."""

import re
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.ledger.errors import ConfigError

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_BOUNDS = {"port": (1, 65_535), "body_timeout_s": (1, 3_600), "max_requests": (1, 10_000)}


@dataclass(frozen=True)
class WitnessSettings:
    """`name` is what stands on every cosignature. Paths are absolute after loading."""

    name: str
    ed25519_key: Path
    ml_dsa_44_key: Path
    database: Path
    host: str = "127.0.0.1"
    port: int = 8420
    prefix: str = ""  # of every path, such as /witness
    body_timeout_s: int = 10
    max_requests: int = 100  # at once; more are answered with 503

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigError("prefix must be a path such as /witness, without a slash at its end")
        for name, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} must be a whole number from {least} to {most}")
