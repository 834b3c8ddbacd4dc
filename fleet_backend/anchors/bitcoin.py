"""Bitcoin block headers: what they say, how much work stands behind them, where they come from.

A header's work is checked, so one that was made up costs what a real one costs. That a header of
enough work is in the chain that others see is the word of whoever supplied it.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from .errors import AnchorError, HeaderError, OperationError, UnreachableError
from .otsfile import MAX_HEIGHT, Attested
from .webrequest import Answer, Limits, check_url, request

HEADER_BYTES = 80
MAX_FILE_BYTES = 256 * 1024 * 1024
# Every block since OpenTimestamps began (2016) took more: 2^69 hashes, and 2^78 in 2025.
LEAST_WORK_BITS = 68
_HEX_HEADER = re.compile(rb"[0-9a-fA-F]{160}")
_HEX_HASH = re.compile(rb"[0-9a-fA-F]{64}")
_LIMITS = Limits(total_s=20.0, answer_bytes=1_000)


@dataclass(frozen=True)
class Header:
    """A block header, with its hash in the order of its bytes (explorers show it reversed)."""

    raw: bytes

    @property
    def hash(self) -> bytes:
        return sha256(sha256(self.raw).digest()).digest()

    @property
    def merkle_root(self) -> bytes:
        return self.raw[36:68]

    @property
    def time_s(self) -> int:
        """The miner's clock, seconds since 1970: at most two hours ahead of the network's."""
        return int.from_bytes(self.raw[68:72], "little")

    @property
    def target(self) -> int:
        """The number that the hash must not exceed; 0 where the field cannot be one."""
        bits = int.from_bytes(self.raw[72:76], "little")
        exponent, mantissa = bits >> 24, bits & 0x007FFFFF
        if bits & 0x00800000 or exponent > 32:
            return 0
        return mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)

    @property
    def shown_hash(self) -> str:
        return self.hash[::-1].hex()


def parse_header(raw: bytes, least_work_bits: int = LEAST_WORK_BITS) -> Header:
    """A header with its work checked. Raises HeaderError."""
    if len(raw) != HEADER_BYTES:
        raise HeaderError(f"block header of {len(raw)} bytes; 80 are due")
    header = Header(raw)
    if not 0 < header.target < 1 << (256 - least_work_bits):
        raise HeaderError(f"block header asks for less work than 2^{least_work_bits} hashes")
    if int.from_bytes(header.hash, "little") > header.target:
        raise HeaderError("block header without the work that it names")
    return header


class HeaderSource(Protocol):
    """Whoever supplies headers by height.

    `name` is for people. `raw` returns 80 bytes; raises HeaderError (not there, malformed) or
    UnreachableError.
    """

    @property
    def name(self) -> str: ...

    def raw(self, height: int) -> bytes: ...


class HeaderFile:
    """A text file, one block a line: height, a space, the header in hexadecimal.

    `bitcoin-cli getblockheader $(bitcoin-cli getblockhash N) false` prints the header of block N.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"the file {path.name}"
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise HeaderError(f"{path.name} is larger than any file of headers")
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise OperationError(f"cannot read {path}: {error.strerror}") from error
        self._headers: dict[int, bytes] = {}
        for number, line in enumerate(lines, start=1):
            height, separator, header = line.partition(b" ")
            good = separator and re.fullmatch(rb"0|[1-9][0-9]{0,8}", height)
            if not good or not _HEX_HEADER.fullmatch(header):
                raise HeaderError(f"{path.name}, line {number}: not a height and a header")
            if self._headers.setdefault(int(height), header) != header:
                raise HeaderError(f"{path.name}, line {number}: another header for {int(height)}")

    def raw(self, height: int) -> bytes:
        if height not in self._headers:
            raise HeaderError(f"{self.name} does not hold block {height}")
        return bytes.fromhex(self._headers[height].decode())


class HeaderServer:
    """A server that is asked by height, then by hash: an Esplora, or a node's own REST."""

    def __init__(self, url: str, by_height: str, by_hash: str) -> None:
        self._base = url.rstrip("/")
        self.name = str(check_url(url).hostname)
        self._by_height, self._by_hash = by_height, by_hash

    def raw(self, height: int) -> bytes:
        block = self._get(self._by_height.format(height), _HEX_HASH).decode()
        raw = bytes.fromhex(self._get(self._by_hash.format(block), _HEX_HEADER).decode())
        if Header(raw).shown_hash != block.lower():
            raise HeaderError(f"{self.name} answered with the header of another block")
        return raw

    def _get(self, path: str, form: re.Pattern[bytes]) -> bytes:
        answer: Answer = request("GET", f"{self._base}/{path}", limits=_LIMITS)
        if answer.status == 404:
            raise HeaderError(f"{self.name} does not have this block")
        if answer.status != 200:
            raise UnreachableError(f"{self.name} answered {answer.status}")
        body = answer.body.strip()
        if not form.fullmatch(body):
            raise HeaderError(f"{self.name} answered what is no hash or header")
        return body


def esplora(url: str) -> HeaderServer:
    """An Esplora's API, such as `http://127.0.0.1:3000`."""
    return HeaderServer(url, "block-height/{}", "block/{}/header")


def bitcoin_rest(url: str) -> HeaderServer:
    """A Bitcoin node's REST interface (`bitcoind -rest`), such as `http://127.0.0.1:8332`."""
    return HeaderServer(url, "rest/blockhashbyheight/{}.hex", "rest/headers/1/{}.hex")


def verify_attested(
    attested: Attested, source: HeaderSource, least_work_bits: int = LEAST_WORK_BITS
) -> Header:
    """The header that an attestation speaks of. Raises HeaderError where it is another's.

    What this shows: whatever the timestamp began with existed before that block was found.
    """
    if not 0 <= attested.height <= MAX_HEIGHT:
        raise HeaderError("no such block height")
    header = parse_header(source.raw(attested.height), least_work_bits)
    if header.merkle_root != attested.merkle_root:
        raise HeaderError(f"block {attested.height} has another Merkle root: not proved by it")
    return header


def first_verified(
    attested: list[Attested], source: HeaderSource, least_work_bits: int = LEAST_WORK_BITS
) -> tuple[Attested, Header]:
    """The earliest block attestation that holds; the reasons of all where none does."""
    said = []
    for item in attested:
        try:
            return item, verify_attested(item, source, least_work_bits)
        except AnchorError as error:
            said.append(str(error))
    raise HeaderError("; ".join(said) or "the timestamp names no Bitcoin block yet")
