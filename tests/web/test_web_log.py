"""static/log/ against fleet_backend/ledger: the committed vectors, and mutants of them."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from fleet_backend.ledger import merkle
from fleet_backend.ledger.errors import NoteError
from fleet_backend.ledger.note import COSIGNATURE, Verifier, check_name
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.policysafety import strengths
from tests.ledger.ledger_cases import answer, read_cases

CASES = read_cases()
SUBJECTS = {"vkey": "vkey", "note": "note", "checkpoint": "note", "proof": "proof",
            "policy": "policy"}  # fmt: skip
SHARED = Path(__file__).resolve().parents[3] / "shared/data/tlog"
ANSWER = """async (cases) => {
  const { fromHex, toHex } = await import("/static/ui/bytes.js");
  const { openCheckpoint } = await import("/static/log/checkpoint.js");
  const { LedgerError, PolicyError } = await import("/static/log/errors.js");
  const { leafHash, verifyConsistency, verifyInclusion } = await import("/static/log/merkle.js");
  const { openNote, parseVkey } = await import("/static/log/note.js");
  const { isMetBy, parsePolicy } = await import("/static/log/policy.js");
  const { parseProof } = await import("/static/log/proof.js");
  async function open(note, policyHex) {
    const policy = await parsePolicy(fromHex(policyHex));
    if (!policy.logs.length) throw new PolicyError("policy-no-log");
    const signed = await openCheckpoint(note, policy);
    if (!isMetBy(policy, new Set(signed.cosigners.keys()))) throw new PolicyError("quorum");
    return signed;
  }
  const operations = {
    async "vkey.parse"({ vkey }) {
      const key = await parseVkey(new TextDecoder().decode(fromHex(vkey)));
      return { name: key.name, kind: key.kind, key: toHex(key.publicKey) };
    },
    async "note.open"({ note, vkeys }) {
      const known = await Promise.all(vkeys.map(parseVkey));
      const { text, signers } = await openNote(fromHex(note), known);
      const told = [...signers].map(([vkey, { time }]) => [vkey, time === null ? null : `${time}`]);
      return { text: toHex(text), signers: Object.fromEntries(told) };
    },
    async "checkpoint.open"({ note, policy }) {
      const { origin, size, root, cosigners } = await open(fromHex(note), policy);
      const signed = [...cosigners.keys()].sort();
      return { origin, size: `${size}`, root: toHex(root), cosigners: signed };
    },
    async "proof.verify"({ proof, entry, policy }) {
      const { extra, index, path, note } = parseProof(fromHex(proof));
      const { size, root, origin } = await open(note, policy);
      await verifyInclusion(index, size, await leafHash(fromHex(entry)), path, root);
      return { index: `${index}`, size: `${size}`, origin, extra: toHex(extra) };
    },
    async "policy.parse"({ policy }) {
      const { logs, witnesses, groups, quorum } = await parsePolicy(fromHex(policy));
      const told = ([name, { threshold, members }]) => [name, [threshold, ...members]];
      return {
        logs: logs.map((key) => key.vkey),
        witnesses: Object.fromEntries([...witnesses].map(([name, key]) => [name, key.vkey])),
        groups: Object.fromEntries([...groups].map(told)),
        quorum,
      };
    },
    async "inclusion.verify"({ index, size, leaf, path, root }) {
      await verifyInclusion(
        BigInt(index), BigInt(size), fromHex(leaf), path.map(fromHex), fromHex(root));
      return { holds: true };
    },
    async "consistency.verify"({ old_size, new_size, old_root, new_root, proof }) {
      const roots = [fromHex(old_root), fromHex(new_root)];
      await verifyConsistency(BigInt(old_size), BigInt(new_size), ...roots, proof.map(fromHex));
      return { holds: true };
    },
  };
  const answers = [];
  for (const { operation, input } of cases) {
    try {
      answers.push(await operations[operation](input));
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      answers.push({ error: error.name });
    }
  }
  return answers;
}"""


def test_every_vector_gives_the_same_answer_in_the_browser(page: Page) -> None:
    assert len(CASES) > 250
    answers = page.evaluate(ANSWER, list(CASES.values()))
    differ = {
        name: (case["expect"], told)
        for (name, case), told in zip(CASES.items(), answers, strict=True)
        if told != case["expect"]
    }
    assert differ == {}


def mutants(data: bytes, chance: random.Random) -> list[bytes]:
    """The same text with a byte changed, cut, doubled, or with a line taken out or repeated."""
    at = chance.randrange(len(data) + 1)
    new = bytes([chance.choice(b"\n\n =+-.0123456789AZaz/\x00\x7f\x85\xc2\xa0\xe2\x80\xff")])
    lines = data.split(b"\n")
    line = chance.randrange(len(lines))
    return [
        data[:at] + new + data[at + 1 :],
        data[:at] + new + data[at:],
        data[:at] + data[at + 1 :],
        data[:at],
        b"\n".join(lines[:line] + lines[line + 1 :]),
        b"\n".join(lines[: line + 1] + lines[line:]),
    ]


@settings(
    max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    names=st.lists(st.sampled_from(sorted(CASES)), min_size=15, max_size=15),
    seed=st.integers(0, 1 << 32),
)
def test_both_sides_agree_on_every_mutant(page: Page, names: list[str], seed: int) -> None:
    chance = random.Random(seed)
    cases: list[dict[str, Any]] = []
    for name in names:
        case, subject = CASES[name], SUBJECTS.get(name.split("/")[0])
        if subject is None:
            continue
        for data in mutants(bytes.fromhex(case["input"][subject]), chance):
            if subject == "vkey" and not is_utf8(data):
                continue
            cases.append({**case, "input": {**case["input"], subject: data.hex()}})
    told = page.evaluate(ANSWER, cases)
    differ = [
        (case["operation"], case["input"], ours, theirs)
        for case, theirs in zip(cases, told, strict=True)
        if (ours := answer(case["operation"], case["input"])) != theirs
    ]
    assert differ == []


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_good_case_with_any_bit_flipped_is_refused(page: Page) -> None:
    """A note's bits are all signed or all bind; so are a proof's, save those of its extra line."""
    for name in ("checkpoint/good-nested", "proof/good-without-extra"):
        case = CASES[name]
        subject = SUBJECTS[name.split("/")[0]]
        data = bytes.fromhex(case["input"][subject])
        cases = []
        for bit in range(0, len(data) * 8, 3):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            cases.append({**case, "input": {**case["input"], subject: changed.hex()}})
        told = page.evaluate(ANSWER, cases)
        assert [i for i, one in enumerate(told) if "error" not in one] == []


NAMES = """async (points) => {
  const { checkName } = await import("/static/log/note.js");
  return points.filter((point) => {
    try { checkName(String.fromCodePoint(point)); } catch { return false; }
    return true;
  });
}"""


def test_the_same_characters_make_a_name(page: Page) -> None:
    points = [*range(0x3100), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10010), 0x1F600, 0x10FFFF]
    assert page.evaluate(NAMES, points) == [point for point in points if is_name(chr(point))]


def is_name(text: str) -> bool:
    try:
        check_name(text)
    except NoteError:
        return False
    return True


def shared_cases(kind: str) -> list[dict[str, Any]]:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not on this machine")
    return [json.loads(path.read_text()) for path in sorted((SHARED / kind).rglob("*.json"))]


def test_inclusion_cases_of_transparency_dev(page: Page) -> None:
    found = [case for case in shared_cases("inclusion") if is_size(case)]
    cases = [
        {
            "operation": "inclusion.verify",
            "input": {
                "index": str(case["leafIdx"]),
                "size": str(case["treeSize"]),
                "leaf": b64(case["leafHash"]),
                "path": [b64(item) for item in case["proof"] or ()],
                "root": b64(case["root"]),
            },
        }
        for case in found
    ]
    check_shared(page, cases, [case["wantErr"] for case in found])


def is_size(case: dict[str, Any]) -> bool:
    """Sizes and indices of 2^63 and more cannot be written into a checkpoint or a proof file."""
    return max(case["leafIdx"], case["treeSize"]) < 1 << 63


def test_consistency_cases_of_transparency_dev(page: Page) -> None:
    found = shared_cases("consistency")
    cases = [
        {
            "operation": "consistency.verify",
            "input": {
                "old_size": str(case["size1"]),
                "new_size": str(case["size2"]),
                "old_root": b64(case["root1"]),
                "new_root": b64(case["root2"]),
                "proof": [b64(item) for item in case["proof"] or ()],
            },
        }
        for case in found
    ]
    check_shared(page, cases, [case["wantErr"] for case in found])


def b64(text: str | None) -> str:
    return base64.b64decode(text or "").hex()


def check_shared(page: Page, cases: list[dict[str, Any]], wrong: list[bool]) -> None:
    assert len(cases) > 30
    told = page.evaluate(ANSWER, cases)
    assert ["error" in one for one in told] == wrong


ED25519 = """async () => {
  const { hasEd25519 } = await import("/static/log/ed25519.js");
  const answers = [await hasEd25519()];
  const { subtle } = crypto;
  const real = { importKey: subtle.importKey, verify: subtle.verify };
  for (const broken of [
    { importKey: () => { throw new DOMException("", "NotSupportedError"); } },
    { verify: async () => true },
    { verify: async () => false },
  ]) {
    Object.assign(subtle, broken);
    answers.push(await hasEd25519());
    Object.assign(subtle, real);
  }
  return answers;
}"""


def test_a_browser_without_ed25519_is_told_apart(page: Page) -> None:
    assert page.evaluate(ED25519) == [True, False, False, False]


def test_empty_root_of_the_browser_is_that_of_the_package(page: Page) -> None:
    script = """async () => {
      const { EMPTY_ROOT } = await import("/static/log/merkle.js");
      const { toHex } = await import("/static/ui/bytes.js");
      return toHex(EMPTY_ROOT);
    }"""
    assert page.evaluate(script) == merkle.EMPTY_ROOT.hex()


GROUPS = [
    "quorum w0",
    "group g any w0 w1\nquorum g",
    "group g 2 w0 w1 w2 w3\nquorum g",
    "group g 3 w0 w1 w2 w3\nquorum g",
    "group a any w0 w1\ngroup b any w2 w3\ngroup g all a b\nquorum g",
    "group a any w0 w1\ngroup g 2 a w2\nquorum g",
    "group a 1 w0 twin\ngroup g 2 a w1 w2\nquorum g",
    "group a 1 w0 twin\nquorum a",
    f"# {'x' * 200_000}\nquorum w0",
]


@pytest.mark.parametrize("groups", GROUPS)
def test_a_quorum_that_proves_little_is_told_as_in_the_package(page: Page, groups: str) -> None:
    names = {f"w{n}": f"w{n}.example" for n in range(4)} | {"twin": "w0.example"}
    keys = [Verifier(key, COSIGNATURE, bytes([n]) * 32) for n, key in enumerate(names.values())]
    lines = [f"witness {name} {key.vkey}" for name, key in zip(names, keys, strict=True)]
    text = "\n".join([*lines, groups, ""])
    policy = parse_policy(text.encode())
    found = page.evaluate(
        """async (text) => {
          const { parsePolicy, takesALie } = await import("/static/log/policy.js");
          return takesALie(await parsePolicy(new TextEncoder().encode(text)));
        }""",
        text,
    )
    assert found == (strengths(policy)[policy.quorum].to_split > 0)
