"""A flash of the whole application over a line of a given rate, beside what the rate allows."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from boards.virtual import VirtualBoard, VirtualBoardSettings
from tests.bench.serial_cable import BITS_A_BYTE, SerialCable
from workbench.application import BoardFile, application_image
from workbench.bench import on_bench
from workbench.flash import FlashProgress, flash_application
from workbench.slots import Slots


def whole_flash(files: Sequence[BoardFile], baud: int, latency_ms: int) -> dict[str, object]:
    """Of a bare board, from the open port to the application's word that it runs. Bytes of the
    application, of the line to the board and back, and shares of what the rate allows."""
    limit = baud / BITS_A_BYTE
    seen: list[float] = []

    def progress(_: FlashProgress) -> None:
        seen.append(time.monotonic())

    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder:
        settings = VirtualBoardSettings(Path(folder) / "flash.img")
        with (
            VirtualBoard(settings) as board,
            SerialCable(board.tty, baud=baud, latency_s=latency_ms / 1000) as cable,
        ):
            begin = time.monotonic()
            result = flash_application(cable.port, files, progress=progress)
            seconds = time.monotonic() - begin
            sent, answered = cable.to_board, cable.to_tool
    return {
        "latency_ms": latency_ms,
        "seconds": round(seconds, 1),
        "application_bytes": result.bytes_written,
        "application_bytes_per_s": round(result.bytes_written / seconds),
        "line_bytes_to_board": sent,
        "line_bytes_to_tool": answered,
        "line_bytes_per_s": round(sent / seconds),
        "limit_bytes_per_s": round(limit),
        "seconds_uncompressed_at_the_limit": round(result.bytes_written / limit, 1),
        "held_back_s": round(seen[0] - begin, 1),
        "writing_s": round(seen[-1] - seen[0], 1),
        "until_it_says_that_it_runs_s": round(begin + seconds - seen[-1], 1),
    }


def stream_alone(files: Sequence[BoardFile], baud: int, latency_ms: int) -> dict[str, object]:
    """The image into a slot, and nothing else: how full the line is while the stream runs."""
    image = application_image(files, 0)
    assert image is not None
    limit = baud / BITS_A_BYTE
    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder:
        settings = VirtualBoardSettings(Path(folder) / "flash.img")
        with (
            VirtualBoard(settings) as board,
            SerialCable(board.tty, baud=baud, latency_s=latency_ms / 1000) as cable,
            on_bench(cable.port) as bench,
        ):
            slots = Slots(bench.checked)
            assert slots.stream is not None
            before, begin = cable.to_board, time.monotonic()
            slots.write(0, image, lambda done: None)
            seconds, sent = time.monotonic() - begin, cable.to_board - before
    return {
        "latency_ms": latency_ms,
        "image_bytes_per_s": round(len(image) / seconds),
        "line_bytes_per_s": round(sent / seconds),
        "share_of_line_percent": round(100 * sent / seconds / limit, 1),
    }
