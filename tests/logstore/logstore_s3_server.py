"""An S3 server as far as a log needs it: objects in memory, conditional puts, lists, deletes.

It refuses what the log must never do (an unsigned request, a tile that is replaced), and fails on
demand: `refuse` answers 503, `lose` does what was asked and cuts the line before the answer.
"""

import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY = "test-access-key"
SECRET = "test-secret-that-no-log-may-show"
BUCKET = "tiles"


@dataclass
class Bucket:
    """Its objects, and the faults that wait. One lock makes each request one step."""

    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    refuse: int = 0
    lose: int = 0
    conditional: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)


def tag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    bucket: Bucket

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at `requests`."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.bucket.lock:
            self.bucket.requests.append((self.command, parts.path))
            if f"Credential={ACCESS_KEY}/" not in self.headers.get("Authorization", ""):
                return self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            if self.bucket.refuse > 0:
                self.bucket.refuse -= 1
                return self._answer(503)
            answer = self._do(unquote(parts.path), parse_qs(parts.query, True), body)
            if self.bucket.lose > 0 and self.command in ("PUT", "POST", "DELETE"):
                self.bucket.lose -= 1
                self.close_connection = True
                return None
        return self._answer(*answer)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _serve  # noqa: N815

    def _do(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple:
        root, _, key = path.removeprefix("/").partition("/")
        assert root == BUCKET
        objects = self.bucket.objects
        if self.command == "POST":
            assert "delete" in query
            names = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for name in names:
                objects.pop(name, None)
            gone = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
            return 200, f"<DeleteResult>{gone}</DeleteResult>".encode()
        if self.command == "GET" and "list-type" in query:
            return 200, self._listed(query["prefix"][0])
        if self.command == "DELETE":
            objects.pop(key, None)
            return 204, b""
        if self.command == "PUT":
            return self._put(key, body)
        if key not in objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        return 200, objects[key]

    def _put(self, key: str, body: bytes) -> tuple:
        objects = self.bucket.objects
        create, match = self.headers.get("If-None-Match"), self.headers.get("If-Match")
        if (create or match) and not self.bucket.conditional:
            return 501, b"<Error><Code>NotImplemented</Code></Error>"
        if (create and key in objects) or (match and tag_of(objects.get(key, b"")) != match):
            return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
        assert "/tile/" not in f"/{key}" or create == "*", f"{key} is replaced without looking"
        objects[key] = body
        return 200, b"", tag_of(body)

    def _listed(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z"
            f"</LastModified><ETag>{tag_of(data)}</ETag><Size>{len(data)}</Size></Contents>"
            for key, data in sorted(self.bucket.objects.items())
            if key.startswith(prefix)
        )
        return (
            f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()
        )

    def _answer(self, status: int, body: bytes = b"", tag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 200 and self.command in ("GET", "HEAD", "PUT"):
            self.send_header("ETag", tag or tag_of(body))
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class S3Server:
    """A server on a free port of this machine, until `close`."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        handler = type("BucketHandler", (Handler,), {"bucket": self.bucket})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def options(self) -> str:
        """Content of an options file that opens it."""
        return (
            f'endpoint = "{self.endpoint}"\nregion = "us-east-1"\n'
            f'access_key_id = "{ACCESS_KEY}"\nsecret_access_key = "{SECRET}"\n'
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
