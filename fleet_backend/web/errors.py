"""What can go wrong while the pages are read from disk."""


class WebError(Exception):
    """Root of this package's errors."""


class AssetError(WebError):
    """A file of ours that a page needs is missing or not what it must be."""


class RangeError(WebError):
    """They asked for bytes that the file does not have (HTTP 416)."""
