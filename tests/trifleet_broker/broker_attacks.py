"""What an attacker sends: MQTT by the byte, over a TLS line of its own. Nothing is built in memory
that is larger than one chunk."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from broker_stand import Site

CHUNK = bytes(64 * 1024)
LARGEST = 268_435_455  # what MQTT's remaining length can say


def length(value: int) -> bytes:
    """Remaining length (MQTT 3.1.1, 2.2.3)."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def connect(client_id: str) -> bytes:
    """A CONNECT with a clean session and a keep-alive of ten minutes."""
    body = text("MQTT") + b"\x04\x02\x02\x58" + text(client_id)
    return b"\x10" + length(len(body)) + body


def subscribe(topic: str) -> bytes:
    body = b"\x00\x01" + text(topic) + b"\x01"
    return b"\x82" + length(len(body)) + body


def bare_line(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.broker.port), 30)


@contextlib.contextmanager
def tls_line(site: Site, name: str) -> Iterator[ssl.SSLSocket]:
    """The handshake is done with the certificate of this name, and nothing is said yet."""
    with (
        bare_line(site) as line,
        site.tls(name).context().wrap_socket(line, server_hostname="localhost") as secure,
    ):
        yield secure


@contextlib.contextmanager
def mqtt_line(site: Site, name: str) -> Iterator[ssl.SSLSocket]:
    """Connected as this name."""
    with tls_line(site, name) as line:
        line.sendall(connect(site.tls(name).client_id(name)))
        assert line.recv(4)[:2] == b"\x20\x02"
        yield line


def stream_publish(line: ssl.SSLSocket, topic: str, size: int) -> int:
    """Bytes of one PUBLISH that were sent until the other side had enough of it."""
    head = text(topic) + b"\x00\x01"
    sent = 0
    with contextlib.suppress(OSError):
        line.sendall(b"\x32" + length(size) + head)
        while sent < size - len(head):
            step = min(len(CHUNK), size - len(head) - sent)
            line.sendall(CHUNK[:step])
            sent += step
    return sent


def is_hung_up(line: ssl.SSLSocket, patience_s: float) -> bool:
    """The other side ends the connection, and says nothing before."""
    line.settimeout(patience_s)
    try:
        return line.recv(16) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def memory_mb(site: Site) -> int:
    """Of all processes of the broker: it leads a group of its own."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rsplit(")", 1)[1].split()[2]) == site.broker.pid:
                words = (path.parent / "statm").read_text().split()
                total += int(words[1]) * 4096
    return total // (1024 * 1024)


def settle(seconds: float) -> None:
    """Time for what is not announced."""
    time.sleep(seconds)
