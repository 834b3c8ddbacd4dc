"""The forms that log lines may have; apart, because every start of the command line reads it."""

import os

from trifleet.errors import UsageError

FORM_VARIABLE = "TRIFLEET_LOG"
TEXT, JSON = "text", "json"
FORMS = (TEXT, JSON)


def choose(form: str) -> None:
    """For this process and those that it starts. Raises UsageError."""
    os.environ[FORM_VARIABLE] = _checked(form)


def chosen() -> str:
    """Raises UsageError."""
    return _checked(os.environ.get(FORM_VARIABLE) or TEXT)


def _checked(form: str) -> str:
    if form not in FORMS:
        raise UsageError(f"--log-format and {FORM_VARIABLE} are text or json, not {form[:20]!r}")
    return form
