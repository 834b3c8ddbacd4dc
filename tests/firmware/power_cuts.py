"""Runs in MicroPython: plays the scenario on littlefs once, then starts the vehicle on every flash
that a power cut could have left. `micropython power_cuts.py MODE STRIDE [FAULT]`.

MODE once: every operation, clean and torn. twice: every operation of the start after every
STRIDEth cut, clean and torn. vehicle: the whole vehicle controller starts and runs. FAULT seeds one
that must be found. Prints one line of JSON.
"""

import json
import os
import sys

import vfs

sys.path.insert(0, __file__.rsplit("/", 1)[0] if "/" in __file__ else ".")

import flash_seeds
from flash_device import Chip, Image
from flash_scenario import BALLAST, Expected, Trace, faults_found, play, small_files

BLOCKS = 48
MOST_SHOWN = 20


def mounted(chip, act, *arguments):
    """Do it with this chip as the current folder."""
    vfs.mount(vfs.VfsLfs2(chip), "/f")
    os.chdir("/f")
    try:
        return act(*arguments)
    finally:
        os.chdir("/")
        vfs.umount("/f")


def fill(full):
    """Leave no block free; or give all of it back."""
    if not full:
        for name in os.listdir(BALLAST):
            os.remove(f"{BALLAST}/{name}")
        return
    if BALLAST not in os.listdir():
        os.mkdir(BALLAST)
    for number in range(BLOCKS):
        try:
            with open(f"{BALLAST}/{number}", "wb") as file:
                file.write(bytes(4096))
        except OSError:
            return


def recorded():
    """(image before, operations, trace) of the scenario."""
    image = Image(BLOCKS)
    vfs.VfsLfs2.mkfs(Chip(image))
    log = []
    trace = Trace(lambda: len(log))
    mounted(Chip(Image(like=image), log), play, trace, fill)
    return image, log, trace


def variants(image, operation):
    """What the flash may be if power goes at this operation: it does not happen; it is torn."""
    yield "clean", image
    torn = Image(like=image)
    torn.torn(operation)
    yield "torn", torn


def is_skipped(trace, at):
    return any(begin <= at < end for begin, end in trace.skipped)


def start(image, expected, log=None, act=faults_found):
    try:
        return mounted(Chip(Image(like=image), log), act, expected)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


class Report:
    def __init__(self, first):
        self.starts = 0
        self.wrong = []
        self._first = first  # the first one is enough

    def is_over(self):
        return self._first and len(self.wrong) > 0

    def add(self, found, *where):
        self.starts += 1
        if found and len(self.wrong) < MOST_SHOWN:
            self.wrong.append(list(where) + [found])


def once(image, log, trace, stride, report):
    for at in range(len(log)):
        if report.is_over():
            return
        if at % stride == 0 and not is_skipped(trace, at):
            expected = Expected(trace, at)
            for how, flash in variants(image, log[at]):
                report.add(start(flash, expected), at, how)
        image.apply(log[at])
    report.add(start(image, Expected(trace, len(log))), len(log), "whole")


def twice(image, log, trace, stride, report):
    for at in range(len(log)):
        if at % stride == 0 and not is_skipped(trace, at):
            expected = Expected(trace, at)
            for how, flash in variants(image, log[at]):
                cut_again(flash, expected, report, (at, how))
        image.apply(log[at])


def vehicle(image, log, trace, stride, report):
    for at in range(len(log)):
        if at % stride == 0 and not is_skipped(trace, at):
            for how, flash in variants(image, log[at]):
                report.add(start(flash, Expected(trace, at), None, run_vehicle), at, how)
        image.apply(log[at])


def run_vehicle(expected):
    """The real vehicle controller, from its start to a second of its life."""
    from board_fakes import FakeBoard, FakeRtc
    from vcu.clock import WallClock
    from vcu.loop import Loop
    from vcu.vcu import Vcu

    now_ms = [0]
    board = FakeBoard("", WallClock(FakeRtc(), 0))
    made = Vcu(board, bytes(32), 0)
    loop = Loop(made, lambda: now_ms[0], lambda ms: None, lambda: None, lambda: None)
    frames = 0
    while now_ms[0] < 1_200:
        now_ms[0] += 10
        loop.turn()
        frames += len(board.can.leave())
    wrong = [] if frames else ["no frame left"]
    if made.fault and None not in expected.values["identity"]:
        wrong.append(f"fault {made.fault}")
    if made.state.boot in expected.boots:
        wrong.append(f"boot {made.state.boot} names records twice")
    return wrong


def cut_again(flash, expected, report, where):
    """Cut the power of the start itself at each of its operations."""
    log = []
    start(flash, expected, log)
    again = Image(like=flash)
    for at in range(len(log)):
        for how, second in variants(again, log[at]):
            report.add(start(second, expected), *where, at, how)
        again.apply(log[at])


def main(mode, stride, fault=None):
    small_files()
    if fault:
        flash_seeds.SEEDS[fault]()
    image, log, trace = recorded()
    skipped = sum(end - begin for begin, end in trace.skipped)
    report = Report(fault is not None)
    {"once": once, "twice": twice, "vehicle": vehicle}[mode](image, log, trace, int(stride), report)
    print(
        json.dumps(
            {
                "operations": len(log) - skipped,
                "starts": report.starts,
                "acts": len(trace.acts),
                "wrong": report.wrong,
            }
        )
    )


main(*sys.argv[1:])
