"""A folder that behaves as littlefs does when its flash fails, for CPython: what is written takes
effect when the file is closed, all of it or nothing, and one operation says that it failed."""

import builtins
import os
from types import SimpleNamespace

from vcu.flash import crashes, files, segments

EIO = 5


class FlakyFlash:
    """Operation number `fails_at` (from 1; 0: none) raises, and those after it if `for_good`.
    `stored`: it took effect all the same."""

    def __init__(self, monkeypatch, fails_at=0, stored=False, for_good=False, error=EIO):
        self.count = 0
        self._fails_at = fails_at
        self._stored = stored
        self._for_good = for_good
        self._error = error
        proxy = SimpleNamespace(
            rename=self._operation(os.rename),
            remove=self._operation(os.remove),
            mkdir=self._operation(os.mkdir),
            stat=os.stat,
            listdir=os.listdir,
        )
        for module in (files, segments, crashes):
            monkeypatch.setattr(module, "open", self.open, raising=False)
            monkeypatch.setattr(module, "os", proxy)

    def heal(self):
        self._fails_at = 0

    def open(self, path, mode):
        if mode == "rb":
            return builtins.open(path, mode)
        if not os.path.exists(path):
            self.do(lambda: builtins.open(path, "xb").close())
        return _Writer(self, path, mode)

    def do(self, act):
        self.count += 1
        bad = self._fails_at and (
            self.count >= self._fails_at if self._for_good else self.count == self._fails_at
        )
        if not bad or self._stored:
            act()
        if bad:
            raise OSError(self._error, "the flash says that it failed")

    def _operation(self, function):
        return lambda *arguments: self.do(lambda: function(*arguments))


class _Writer:
    def __init__(self, flash, path, mode):
        self._flash = flash
        self._path = path
        self._mode = mode
        self._data = b""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._flash.do(self._put)

    def write(self, data):
        self._data += data

    def _put(self):
        with builtins.open(self._path, self._mode) as file:
            file.write(self._data)
