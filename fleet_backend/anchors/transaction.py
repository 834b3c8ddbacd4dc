"""EVM transactions of type 2 (EIP-1559): encoding (RLP), signing, addresses."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from fleet_backend.ledger.errors import ConfigError
from fleet_backend.ledger.pemfile import read_key, write_key

from .errors import SettingsError
from .keccak import keccak256
from .secp256k1 import sign_digest

ADDRESS_BYTES = 20
TYPE_2 = b"\x02"
Item = bytes | int | list["Item"]


def encode_rlp(item: Item) -> bytes:
    """Recursive length prefix of byte strings, unsigned integers and lists of them."""
    if isinstance(item, list):
        return _with_length(b"".join(map(encode_rlp, item)), 0xC0)
    data = item.to_bytes((item.bit_length() + 7) // 8, "big") if isinstance(item, int) else item
    if len(data) == 1 and data[0] < 0x80:
        return data
    return _with_length(data, 0x80)


def _with_length(data: bytes, offset: int) -> bytes:
    if len(data) <= 55:
        return bytes([offset + len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(length)]) + length + data


@dataclass(frozen=True)
class Transaction:
    """What is signed. Fees in wei per gas; `to` is empty for a new contract."""

    chain_id: int
    nonce: int
    tip_wei: int
    max_fee_wei: int
    gas: int
    to: bytes
    data: bytes

    def _fields(self) -> list[Item]:
        fees: list[Item] = [self.chain_id, self.nonce, self.tip_wei, self.max_fee_wei, self.gas]
        return [*fees, self.to, 0, self.data, []]

    def sign(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """The signed transaction as it is sent. The same twice, for the same key and fields."""
        digest = keccak256(TYPE_2 + encode_rlp(self._fields()))
        signature: list[Item] = [*sign_digest(key, digest)]
        return TYPE_2 + encode_rlp([*self._fields(), *signature])


def transaction_hash(signed: bytes) -> bytes:
    return keccak256(signed)


def address_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The account that a key stands for."""
    public = key.public_key().public_numbers()
    return keccak256(public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big"))[12:]


def contract_address(sender: bytes, nonce: int) -> bytes:
    """Where a contract lies that `sender` creates with its transaction `nonce`."""
    return keccak256(encode_rlp([sender, nonce]))[12:]


def show_address(address: bytes) -> str:
    """With the checksum of EIP-55 in its capitals."""
    text = address.hex()
    digest = keccak256(text.encode()).hex()
    marked = (c.upper() if int(d, 16) >= 8 else c for c, d in zip(text, digest, strict=False))
    return "0x" + "".join(marked)


def parse_address(text: str) -> bytes:
    """An address of 40 hexadecimal digits; capitals, where there are some, must be its checksum.

    Raises SettingsError.
    """
    digits = text.removeprefix("0x")
    if len(digits) != 2 * ADDRESS_BYTES or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise SettingsError(f"not an address of an EVM chain: {text[:64]!r}")
    address = bytes.fromhex(digits)
    if digits != digits.lower() and "0x" + digits != show_address(address):
        raise SettingsError(f"address {text} is mistyped: its checksum does not hold")
    return address


def generate_account(path: Path) -> ec.EllipticCurvePrivateKey:
    """New key in a new file of mode 0600. Raises SettingsError."""
    key = ec.generate_private_key(ec.SECP256K1())
    try:
        write_key(path, key)
    except ConfigError as error:
        raise SettingsError(str(error)) from error
    return key


def load_account(path: Path) -> ec.EllipticCurvePrivateKey:
    """Key of a file that nobody else may read. Raises SettingsError, without the content."""
    try:
        key = read_key(path)
    except ConfigError as error:
        raise SettingsError(str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256k1":
        raise SettingsError(f"{path} is not a key of the curve secp256k1")
    return key
