"""Both interpreters run every vector; the generator still writes them; seeded faults are caught."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tests/vectors/run.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")

# (name, file, sound, faulty, the vector that must catch it)
FAULTS = [
    ("duplicate-keys", "cbor.py", "if key == last:", "if False:", "cbor/refuse-duplicate-key"),
    ("unsorted-keys", "cbor.py", "if key < last:", "if False:", "cbor/refuse-unsorted-keys"),
    (
        "longer-forms",
        "cbor.py",
        "if argument < 24 or (size > 1 and argument < 1 << (4 * size)):",
        "if False:",
        "cbor/refuse-longer-2",
    ),
    (
        "trailing-bytes",
        "cbor.py",
        "if reader.at != len(data):",
        "if False:",
        "cbor/refuse-trailing",
    ),
    ("depth", "cbor.py", "MAX_DEPTH = 8", "MAX_DEPTH = 9", "cbor/refuse-depth-9"),
    ("overlong-utf8", "cbor.py", "0xE0: 0xA0, ", "", "cbor/refuse-utf8-overlong-3"),
    ("salt-length", "rsa.py", "SALT_BYTES = 32", "SALT_BYTES = 20", "rsa/salt-20"),
    (
        "salt-any-length",
        "rsa.py",
        "if block[zeros] != 1 or block[:zeros] != bytes(zeros):\n        return False",
        "zeros = bytes(block).index(1)",
        "rsa/salt-20",
    ),
    ("signature-above-n", "rsa.py", "if s >= n:", "if False:", "rsa/signature-plus-n"),
    ("trailer", "rsa.py", "encoded[-1] != 0xBC or ", "", "rsa/trailer"),
    (
        "holder-not-bound",
        "access.py",
        "if rsa.thumbprint(key) != signed.grant.holder:",
        "if False:",
        "access/borrowed-grant",
    ),
    (
        "owner-not-bound",
        "access.py",
        "if rsa.thumbprint(asked.keys[0]) != authority.owner:",
        "if False:",
        "access/not-the-owner",
    ),
    (
        "wider-actions",
        "grant.py",
        "and not child.actions & ~parent.actions",
        "",
        "access/widened-actions",
    ),
    (
        "wider-time",
        "grant.py",
        "and child.not_after <= parent.not_after",
        "",
        "access/widened-end",
    ),
    (
        "limit-dropped",
        "grant.py",
        "key in child and",
        "key not in child or",
        "access/widened-limit-left-out",
    ),
    (
        "expired",
        "access.py",
        "if now >= not_after:",
        "if now > not_after:",
        "access/expired",
    ),
    (
        "generation",
        "access.py",
        "if signed.grant.generation < authority.generation:",
        "if False:",
        "access/generation",
    ),
    (
        "revocation",
        "access.py",
        "if signed.grant.grant_id in authority.revoked:",
        "if False:",
        "access/revoked",
    ),
    (
        "reused-challenge",
        "challenge.py",
        "self._open.pop(i)\n",
        "pass\n",
        "access/challenge-reused",
    ),
    ("challenge-life", "challenge.py", "if pair[1] > now_ms", "if True", "access/challenge-ended"),
    (
        "algorithm",
        "cose.py",
        "if protected != _protected(alg):",
        "if False:",
        "presentation/refuse-alg-none",
    ),
    (
        "aad",
        "grant.py",
        'AAD = b"trifleet/grant/v1"',
        'AAD = b"trifleet/command/v1"',
        "access/direct",
    ),
    ("mac", "mac.py", "return difference == 0", "return True", "record/refuse-tag"),
    (
        "uncertain-clock",
        "access.py",
        "if not clock.certain:",
        "if False:",
        "access/uncertain-longer",
    ),
    (
        "commitment",
        "statement.py",
        "if commit(salt, body) != statement.commitment:",
        "if False:",
        "statement/refuse-other-salt",
    ),
    (
        "vehicle-least",
        "vehicle.py",
        "_RANGES[i + 2]) < _RANGES[i + 1]:",
        "_RANGES[i + 2]) < 0:",
        "vehicle/refuse-13-low",
    ),
    (
        "vehicle-contradiction",
        "vehicle.py",
        "max(vehicle.empty_from_front_mm, vehicle.full_from_front_mm) >= vehicle.wheelbase_mm",
        "vehicle.empty_from_front_mm >= vehicle.wheelbase_mm",
        "vehicle/refuse-load-behind-the-rear-axle",
    ),
    (
        "codes-without-leave",
        "grant.py",
        "if not may_have_codes(actions):",
        "if False:",
        "grant/refuse-codes-without-deposit",
    ),
    (
        "codes-in-a-delegation",
        "grant.py",
        "actions & (CODE_ACTIONS | DELEGATE)",
        "actions & CODE_ACTIONS",
        "grant/refuse-codes-in-a-delegation",
    ),
    (
        "code-twice",
        "codes.py",
        "if fields.octets(items[i], where, ITEM_BYTES) in items[:i]:",
        "if not fields.octets(items[i], where, ITEM_BYTES):",
        "grant/refuse-codes-twice-the-same",
    ),
    ("code-rounds", "codes.py", "ROUNDS = 2_048", "ROUNDS = 2_032", "codes/hash"),
    (
        "code-holder-not-bound",
        "codes.py",
        "[AAD, vehicle, holder, drawn]",
        "[AAD, vehicle, drawn, drawn]",
        "codes/hash-other-holder",
    ),
    (
        "zone-as-a-stop",
        "command.py",
        'if 0 < fields.uint(args[0], "args.0", fields.MAX_TIME) < MIN_ZONE_MMPS:',
        'if fields.uint(args[0], "args.0", fields.MAX_TIME) < 0:',
        "access/limit-speed-below-a-walk",
    ),
    (
        "egress-without-state",
        "bodies.py",
        "EGRESS: 1}",
        "EGRESS: 0}",
        "record/refuse-egress-empty",
    ),
    ("can-crc", "can.py", "_crc(ROWS[row + 12], data) != data[7]", "False", "can/refuse-crc"),
]


def run_vectors(interpreter: list[str], root: Path, area: str = "") -> tuple[int, str]:
    """All vectors, or those of one folder."""
    vectors = root / "tests/vectors"
    done = subprocess.run(
        [*interpreter, str(vectors / "run.py"), *([str(vectors / area)] if area else [])],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "interpreter",
    [[sys.executable], [str(MICROPYTHON), "-X", "heapsize=4m"]],
    ids=["cpython", "micropython"],
)
def test_every_vector_gives_the_expected_answer(interpreter: list[str]) -> None:
    status, said = run_vectors(interpreter, ROOT)
    assert status == 0, said
    assert " passed, 0 failed" in said


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"operation": "cbor.decode", "input": {}}', "no field expect"),
        ('{"operation": "cbor.eat", "input": {}, "expect": 0}', "no operation cbor.eat"),
        ('{"operation": "cbor.decode", "input": {}, "expect": 0}', "KeyError"),
        ('{"operation": "cbor.decode", "input": {"data": "0"}, "expect": 0}', "ValueError"),
    ],
)
@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_broken_vector_file_is_named(
    tmp_path: Path, interpreter: str, content: str, told: str
) -> None:
    (tmp_path / "broken.json").write_text(content)
    command = [str(sys.executable if interpreter == "cpython" else MICROPYTHON)]
    done = subprocess.run([*command, str(RUNNER), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAILED broken.json" in done.stdout
    assert told in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("seeded")
    shutil.copytree(ROOT / "protocol", root / "protocol")
    # Copied, not linked: `..` of a link would lead back to the sound package.
    shutil.copytree(ROOT / "tests/vectors", root / "tests/vectors")
    return root


@pytest.mark.parametrize(
    ("name", "file", "sound", "faulty", "caught_by"), FAULTS, ids=[fault[0] for fault in FAULTS]
)
@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_seeded_fault_is_caught(
    copy: Path, interpreter: str, name: str, file: str, sound: str, faulty: str, caught_by: str
) -> None:
    source = (ROOT / "protocol" / file).read_text()
    assert source.count(sound) == 1, f"{name}: the line to spoil is not there once"
    broken = copy / "protocol" / file
    broken.write_text(source.replace(sound, faulty))
    command = (
        [sys.executable, "-B"]
        if interpreter == "cpython"
        else [str(MICROPYTHON), "-X", "heapsize=4m"]
    )
    area, _, vector = caught_by.partition("/")
    try:
        status, said = run_vectors(command, copy, area)
    finally:
        broken.write_text(source)
    assert status == 1, f"{name}: no vector noticed"
    assert f"FAILED {vector}.json" in said, said
