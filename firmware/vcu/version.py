"""The firmware's version, as it stands in BOOT records and in hello."""

FIRMWARE = "0.1.0"
