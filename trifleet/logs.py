"""How every program writes its log: one line an event, in words or as JSON, to standard error.

Programs and libraries use `logging`; structlog renders all of it here. The last step takes out
what must not be in a log (`scrubbing`).
"""

import json
import logging
import sys
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import EventDict, Processor

from trifleet.logform import JSON, chosen
from trifleet.scrubbing import scrub_values

_CHATTY = ("httpx", "httpcore", "can", "isotp", "pika", "opentelemetry")
_OURS = ("timestamp", "level", "logger", "program", "event")


def set_up(level: int = logging.INFO) -> None:
    """From now on for this process; in the form that TRIFLEET_LOG names. Raises UsageError."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(chosen(), program()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def program(arguments: list[str] | None = None) -> str:
    """The subcommand that runs, without the word of its group: `backend ingest` is `ingest`."""
    words: list[str] = []
    skip = False
    for word in sys.argv[1:] if arguments is None else arguments:
        if skip:
            skip = False
        elif word == "--log-format":
            skip = True
        elif word.startswith("-"):
            if words:
                break
        else:
            words.append(word)
    return words[min(len(words), 2) - 1] if words else "trifleet"


def formatter(form: str, program: str) -> logging.Formatter:
    """For any handler of `logging`."""

    def named(_: Any, __: str, event: EventDict) -> EventDict:
        event["program"] = program
        return event

    # On every line alike, whether it comes from us or from a library.
    common: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
    ]
    last: list[Processor] = [
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _scrubbed,
        _as_json if form == JSON else _as_text,
    ]
    return ProcessorFormatter(processors=last, foreign_pre_chain=common)


def _scrubbed(_: Any, __: str, event: EventDict) -> EventDict:
    return scrub_values(event)


def _as_json(_: Any, __: str, event: EventDict) -> str:
    ordered = {name: event[name] for name in _OURS if name in event}
    return json.dumps({**ordered, **event}, ensure_ascii=True)


def _as_text(_: Any, __: str, event: EventDict) -> str:
    """Time in UTC, level, logger, words, then the values; a trace on lines of its own."""
    trace = event.pop("exception", "")
    time = str(event["timestamp"])[:23].replace("T", " ") + "Z"
    words = f"{time} {str(event['level']).upper()} {event['logger']}: {_one_line(event['event'])}"
    values = [f"{name}={_one_line(event[name])}" for name in event if name not in _OURS]
    line = " ".join([words, *values])
    return f"{line}\n{trace}" if trace else line


def _one_line(value: object) -> str:
    """What came from outside must not begin a line of its own."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
