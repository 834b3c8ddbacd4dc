"""`trifleet WORDS` in a process of its own, without half a second of imports for each.

One process that has everything loaded, and no thread, forks for each command: the child has its own
folder, environment, output and exit status, and goes on where `python -m trifleet.cli` would.
"""

import atexit
import contextlib
import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MESSAGE_BYTES = 1 << 20
TIMEOUT_S = 120.0
_LOCK = threading.Lock()  # one command at a time
# Of `trifleet bench`: two seconds of compiling for each, were it not for the server.
NEEDS_APPLICATION = {"commission", "flash", "verify"}
# Both are over at once, but not before all is loaded that most commands load late.
WARM_UP = (("ledger", "fsck", "/nowhere", "--vkey", "none"), ("--help",))


def trifleet(
    *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end. Raises subprocess.TimeoutExpired after killing it."""
    done = trifleet_bytes(*words, cwd=cwd, env=env)
    told = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, *told)


def trifleet_bytes(
    *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """The same, for a command that writes data."""
    arguments = [str(word) for word in words]
    # A folder that is not there is the test's fault, and no command's exit status.
    folder = (cwd or Path.cwd()).resolve(strict=True)
    place = {"cwd": str(folder), "env": dict(os.environ if env is None else env)}
    request = json.dumps({"arguments": arguments, **place}).encode()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _LOCK:
        server = _server()
        try:
            socket.send_fds(server, [request], [out.fileno(), err.fileno()])
            status = _status(server, arguments)
        except BaseException:
            # What it still answers is of this command: the next one has a server of its own.
            server.close()
            _server.cache_clear()
            raise
        out.seek(0)
        err.seek(0)
        told = out.read(), err.read()
    return subprocess.CompletedProcess(arguments, status, *told)


def _status(server: socket.socket, arguments: list[str]) -> int:
    server.settimeout(TIMEOUT_S)
    pid = _number(server)
    try:
        return _number(server)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise subprocess.TimeoutExpired(arguments, TIMEOUT_S) from None


def _number(server: socket.socket) -> int:
    answer = server.recv(MESSAGE_BYTES)
    if not answer:
        raise RuntimeError("the process that runs commands ended")
    return int(answer)


@cache
def _server() -> socket.socket:
    """Starts it. It ends when its socket is closed."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        line = [sys.executable, __file__, str(there.fileno())]
        process = subprocess.Popen(line, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(process.wait)
    atexit.register(here.close)
    return here


def _serve(requests: socket.socket) -> None:
    """Returns in each child, ready for its command; the server itself ends here."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        if not message:
            sys.exit()
        request = json.loads(message)
        if NEEDS_APPLICATION.intersection(request["arguments"][:2]):
            collect_application(ROOT)  # remembered, for the children
        pid = os.fork()
        if not pid:
            requests.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _become(request, files)
            return
        for file in files:
            os.close(file)
        requests.send(b"%d" % pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        requests.send(b"%d" % status)


def _become(request: "dict[str, object]", files: list[int]) -> None:
    for number, file in zip((1, 2), files, strict=True):
        os.dup2(file, number)
        os.close(file)
    os.chdir(str(request["cwd"]))
    environment = request["env"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    arguments = request["arguments"]
    assert isinstance(arguments, list)
    sys.argv = ["trifleet", *arguments]


def _warm_up() -> None:
    mask = os.umask(0)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for words in WARM_UP:
            sys.argv = ["trifleet", *words]
            with contextlib.suppress(SystemExit):
                main()
    os.umask(mask)
    gc.freeze()  # what is loaded stays shared with the children


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # and not this folder
    from trifleet.cli import main
    from workbench.application import collect_application

    with socket.socket(fileno=int(sys.argv[1])) as incoming:
        _warm_up()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
        try:
            _serve(incoming)
        except ConnectionError:  # who asked is gone
            sys.exit()
    try:
        main()
    except SystemExit as end:
        # Without a thread to wait for, taking all those modules apart is for nothing.
        if threading.active_count() > 1 or not isinstance(end.code, int):
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)
