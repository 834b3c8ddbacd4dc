"""Opens lines to a broker and says nothing: PORT BARE SHAKEN CA CERTIFICATE KEY.

In a process of its own, because a process that holds so many lines can serve no MQTT client, which
waits with select(). Says `up` when all are open, and ends when its input does.
"""

import resource
import socket
import ssl
import sys


def main(port: int, bare: int, shaken: int, *files: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.create_default_context(cafile=files[0])
    context.load_cert_chain(files[1], files[2])
    lines = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(bare)]
    for _ in range(shaken):
        line = socket.create_connection(("127.0.0.1", port), 60)
        lines.append(context.wrap_socket(line, server_hostname="localhost"))
    print("up", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
