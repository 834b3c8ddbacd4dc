"""The pages' JavaScript against the Python it must agree with: CBOR, COSE, documents, proofs."""

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page
from web_stand import WebServer
from web_vehicle import Entry

from protocol import bodies, cbor, cose, fault, record, rsa
from protocol.errors import DecodeError

VECTORS = Path(__file__).parents[1] / "vectors"
DECODE = """async (texts) => {
  const { decode, encode } = await import("/static/ui/cbor.js");
  const { fromHex, toHex } = await import("/static/ui/bytes.js");
  return texts.map((text) => {
    try {
      return { again: toHex(encode(decode(fromHex(text)))) };
    } catch (error) {
      return { error: error.name };
    }
  });
}"""
VALUES = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20)
    | st.booleans()
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.integers(0, (1 << 64) - 1), inner, max_size=5)
    ),
    max_leaves=12,
)


def python_answer(data: bytes) -> dict[str, str]:
    try:
        cbor.decode(data)
    except DecodeError as error:
        return {"error": error.name}
    return {"again": data.hex()}


def test_cbor_vectors(page: Page) -> None:
    cases = [json.loads(path.read_text()) for path in sorted((VECTORS / "cbor").glob("*.json"))]
    cases = [case for case in cases if case["operation"] == "cbor.decode"]
    assert len(cases) > 20
    answers = page.evaluate(DECODE, [case["input"]["data"] for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        expected = python_answer(bytes.fromhex(case["input"]["data"]))
        assert answer == expected, case


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=st.lists(VALUES, min_size=20, max_size=30), seed=st.integers(0, 1 << 32))
def test_cbor_agrees_with_python_byte_for_byte(page: Page, values: list[object], seed: int) -> None:
    chance = random.Random(seed)
    documents = [cbor.encode(value) for value in values]
    for document in list(documents):
        at = chance.randrange(len(document))
        changed = document[:at] + bytes([chance.randrange(256)]) + document[at + 1 :]
        documents += [changed, document[:at], document + b"\x00"]
    answers = page.evaluate(DECODE, [document.hex() for document in documents])
    pairs = zip(documents, answers, strict=True)
    assert [(d.hex(), a) for d, a in pairs if a != python_answer(d)] == []


@pytest.mark.parametrize(
    ("javascript", "name"),
    [
        ("1.5", "EncodeError"),
        ("undefined", "EncodeError"),
        ("{}", "EncodeError"),
        ("2n ** 64n", "EncodeError"),
        ("new Map([['a', 1]])", "EncodeError"),
        ("new Map([[-1, 1]])", "EncodeError"),
        ("'\\ud800'", "EncodeError"),
        ("new Uint8Array(65536)", "EncodeError"),
        ("[[[[[[[[[1]]]]]]]]]", "EncodeError"),
    ],
)
def test_cbor_does_not_write_what_it_could_not_read(page: Page, javascript: str, name: str) -> None:
    script = f"""async () => {{
      const {{ encode }} = await import("/static/ui/cbor.js");
      try {{ encode({javascript}); }} catch (error) {{ return error.name; }}
    }}"""
    assert page.evaluate(script) == name


def test_cose_refuses_other_algorithms_and_headers(page: Page) -> None:
    good = cose.assemble(cose.EDDSA, b"payload", bytes(64))
    parts = cbor.decode(good)
    assert isinstance(parts, list)
    cases = {
        good: None,
        cose.assemble(cose.PS256, b"payload", bytes(64)): "cose-algorithm",
        cbor.encode([parts[0], {1: 1}, parts[2], parts[3]]): "cose-unprotected",
        cbor.encode([b"", {}, parts[2], parts[3]]): "cose-algorithm",
        cbor.encode([parts[0], {}, None, parts[3]]): "cose",
        cbor.encode(parts[:3]): "cose",
    }
    script = """async (texts) => {
      const { EDDSA, split } = await import("/static/ui/cose.js");
      const { fromHex } = await import("/static/ui/bytes.js");
      return texts.map((text) => {
        try { split(fromHex(text), EDDSA, "test"); } catch (error) { return error.name; }
        return null;
      });
    }"""
    assert page.evaluate(script, [data.hex() for data in cases]) == list(cases.values())


def test_spki_and_thumbprint_agree(page: Page) -> None:
    modulus = b"\x80" + os.urandom(254) + b"\x01"
    script = """async (text) => {
      const { spkiOfModulus, modulusOfSpki } = await import("/static/ui/documents.js");
      const { fromHex, toHex, sha256 } = await import("/static/ui/bytes.js");
      const spki = spkiOfModulus(fromHex(text));
      return [toHex(spki), toHex(await sha256(spki)), toHex(modulusOfSpki(spki))];
    }"""
    expected = [rsa.spki(modulus).hex(), rsa.thumbprint(modulus).hex(), modulus.hex()]
    assert page.evaluate(script, modulus.hex()) == expected


def test_a_grant_with_codes_is_read_and_one_with_other_keys_is_not(page: Page) -> None:
    script = """async (texts) => {
      const { decodeGrantUnverified } = await import("/static/ui/documents.js");
      const { fromHex } = await import("/static/ui/bytes.js");
      return texts.map((text) => {
        try {
          return decodeGrantUnverified(fromHex(text)).vehicle;
        } catch (error) {
          if (error.constructor.name !== "DecodeError") throw error;
          return null;
        }
      });
    }"""
    names = ("good", "one-code", "four-codes", "limit-speed")
    bad = ("extra-key", "missing-key", "codes-none", "codes-salt-alone", "codes-five")
    bad += ("codes-15-bytes", "codes-text", "codes-map", "codes-null", "version-2", "array")
    sealed = []
    for name in (*names, *(f"refuse-{one}" for one in bad)):
        case = json.loads((VECTORS / f"grant/{name}.json").read_text())
        payload = bytes.fromhex(case["input"]["payload"])
        sealed.append(cose.assemble(cose.PS256, payload, bytes(256)).hex())
    told = [TRIKE] * len(names) + [None] * len(bad)
    assert page.evaluate(script, sealed) == told


TRIKE = "trike-1"  # of the vectors
RECORDS = """async (texts) => {
  const { decodeRecordUnsealed } = await import("/static/ui/records.js");
  const { fromHex } = await import("/static/ui/bytes.js");
  return texts.map((text) => {
    try {
      const { vehicle, boot, seq, time, kind } = decodeRecordUnsealed(fromHex(text));
      return [vehicle, boot, seq, time, kind];
    } catch (error) {
      if (error.constructor.name !== "DecodeError") throw error;
      return null;
    }
  });
}"""
FIELD = VALUES | st.sampled_from(
    [0, 1, 3, 7, 2**32 - 1, 2**32, 2**48, "v-1", "-v", "size", b"", {}]
)


def python_record(data: bytes) -> list[object] | None:
    try:
        found = record.decode_unverified(data)
    except DecodeError:
        return None
    return [found.vehicle, found.boot, found.seq, found.time, record.KINDS[found.kind]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(bodies.BODIES)),
            st.dictionaries(st.integers(0, 7), FIELD, max_size=2),
            st.dictionaries(st.integers(0, 31), FIELD, max_size=2),
            st.sampled_from([32, 32, 32, 32, 31, 0]),
        ),
        min_size=20,
        max_size=60,
    ),
    st.lists(st.binary(max_size=60), max_size=20),
)
@settings(
    max_examples=25, deadline=None, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_records_are_read_where_python_reads_them(
    page: Page, changes: list[tuple[int, dict[int, object], dict[int, object], int]],
    noise: list[bytes],
) -> None:  # fmt: skip
    """A record comes from anybody who talks to the gateway: whatever it holds, both agree."""
    plain: dict[str, object] = {"uint": 5, "sint": -5, "octets": b"1", "text": "a", "boolean": True}
    documents = list(noise)
    for kind, fields, values, seal in changes:
        body = {key: plain[check] for key, (_, check) in enumerate(bodies.BODIES[kind])}
        payload: list[object] = [1, "v-1", 1, 2, 3, 4, kind, {**body, **values}]
        for place, value in fields.items():
            payload[place] = value
        documents.append(cose.assemble(cose.HMAC_256, cbor.encode(payload), bytes(seal)))
    assert page.evaluate(RECORDS, [data.hex() for data in documents]) == [
        python_record(data) for data in documents
    ]


SENTENCES = """async (items) => {
  const { describe } = await import("/static/ui/records.js");
  const { recordText } = await import("/static/ui/sentences.js");
  const { LANGUAGES, setLanguage } = await import("/static/ui/i18n.js");
  return Object.keys(LANGUAGES).map((tag) => {
    setLanguage(tag);
    return items.map(([kind, body]) => recordText(...describe(kind, body)));
  });
}"""


def test_faults_and_health_in_words(server: WebServer, page: Page) -> None:
    page.goto(f"{server.url}/fleet")  # words need the page's import map
    items = [
        ["FAULT", {"node": 1, "code": fault.GNSS_SPOOFED, "present": True}],
        ["FAULT", {"node": 6, "code": fault.SILENT, "present": False}],
        ["FAULT", {"node": 3, "code": 17, "present": True}],
        ["FAULT", {"node": 99, "code": 17, "present": False}],
        ["HEALTH", {"uptime_s": 7_260, "heap_free": 62_464, "bus_offs": 2, "bad_crc": 0}],
        ["HEALTH", {"heap_free": 1_024}],
    ]
    english, french = page.evaluate(SENTENCES, items)
    assert english == [
        "Fault: the position moves while the wheels stand (vehicle controller).",
        "No longer: it does not answer (satellite receiver).",
        "Fault 17 (battery).",
        "Fault 17 has gone (node 99).",
        "Condition, running for 2\u00a0h 1\u00a0min: times off the bus: 2, 61 kB of memory free.",
        "Condition, running for –: nothing went wrong, 1 kB of memory free.",
    ]
    assert french[0].startswith("Défaut\u00a0: la position se déplace")
    assert french[3] == "Le défaut 17 a disparu (nœud 99)."
    assert not any("{" in text for text in english + french)


@given(st.sampled_from([record.FAULT, record.HEALTH]), st.data())
@settings(
    max_examples=20, deadline=None, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_any_fault_or_health_record_is_a_sentence(
    server: WebServer, page: Page, kind: int, data: st.DataObject
) -> None:
    values = {"uint": st.integers(0, 2**53 - 1), "sint": st.integers(-(2**53) + 1, 2**53 - 1)}
    values["boolean"] = st.booleans()
    fields = {name: values[check] for name, check in bodies.BODIES[kind]}
    drawn = st.fixed_dictionaries({}, optional=fields)
    if kind == record.FAULT:
        drawn = st.fixed_dictionaries(fields)
    bodies_drawn = data.draw(st.lists(drawn, min_size=5, max_size=20))
    if not page.url.startswith(f"{server.url}/fleet"):  # the page of the example before is as good
        page.goto(f"{server.url}/fleet")
    for texts in page.evaluate(SENTENCES, [[record.KINDS[kind], body] for body in bodies_drawn]):
        assert all(text and "{" not in text and "undefined" not in text for text in texts)


CLOCKS = """async (statements) => {
  const { clockText } = await import("/static/ui/statement.js");
  const words = [(await import("/static/ui/lang/en.js")).default,
    (await import("/static/ui/lang/fr.js")).default];
  return statements.map((statement) => {
    const found = clockText(statement);
    return found && [...found, words.map((all) => all[found[0]] ?? null)];
  });
}"""


def test_each_clock_has_words_in_both_languages_and_version_1_none(
    server: WebServer, page: Page
) -> None:
    page.goto(f"{server.url}/fleet")
    errors = (30, 0xFFFFFFFF)
    shown = [
        {"clock": clock, "errorMs": error}
        for clock in ("unset", "held-over", "network", "gnss")
        for error in errors
    ]
    assert page.evaluate(CLOCKS, [{}]) == [None]
    for statement_, (key, values, words) in zip(shown, page.evaluate(CLOCKS, shown), strict=True):
        is_known = statement_["clock"] != "unset" and statement_["errorMs"] == 30
        assert all(words), key
        assert all(("{seconds}" in text) == is_known for text in words)
        assert not is_known or values == {"seconds": 0.03}


def test_a_receipt_holds_whatever_a_record_in_it_is(server: WebServer, page: Page) -> None:
    vehicle = server.fleet.vehicles["trike-1"]
    good = vehicle.entries[0]
    (boot,) = cbor.decode(good.body)  # type: ignore[misc]
    sign1, salt, body = vehicle._statement([b"no record", boot, b""])
    entry = Entry(server.fleet.log(sign1), good.record, sign1, salt, body)
    script = """async ([text, logVkey]) => {
      const { checkReceipt } = await import("/static/ui/receipt.js");
      const { policyOfKey } = await import("/static/log/policy.js");
      const { utf8 } = await import("/static/ui/bytes.js");
      const { describe } = await import("/static/ui/records.js");
      const policy = await policyOfKey(logVkey);
      const { verdict, records } = await checkReceipt(utf8(text), { policy });
      return [verdict, records.map(({ kind, body }) => [kind, describe(kind, body)[0]])];
    }"""
    vkey = server.fleet.policy_file.read_text().split()[1]
    text = server.fleet.receipt(vehicle, entry)
    unreadable = ["UNREADABLE", "event.unreadable"]
    records = [unreadable, ["BOOT", "event.boot"], unreadable]
    assert page.evaluate(script, [text, vkey]) == ["good", records]


def test_flow_table_has_no_way_to_done_without_the_vehicle(page: Page) -> None:
    script = """async () => {
      const { TABLE } = await import("/static/ride/flow.js");
      return Object.entries(TABLE).flatMap(([step, events]) =>
        Object.entries(events).filter(([, to]) => to === "done").map(([event]) => [step, event]));
    }"""
    ways = page.evaluate(script)
    assert {event for _, event in ways} == {"executed"}


def test_event_stream_parser_joins_pieces(page: Page) -> None:
    script = """async () => {
      const { EventParser } = await import("/static/ui/sse.js");
      const text = ": beat\\n\\nevent: vehicle\\nid: 7\\ndata: {\\"a\\":\\ndata: 1}\\r\\n\\r\\n"
        + "data: [2]\\n\\n";
      const results = [];
      for (let size = 1; size < 12; size += 1) {
        const position = { id: null }, events = [];
        const parser = new EventParser(position, (event) => events.push(event));
        for (let at = 0; at < text.length; at += size) parser.push(text.slice(at, at + size));
        results.push(JSON.stringify([events, position.id]));
      }
      return [...new Set(results)];
    }"""
    expected = [
        [{"type": "vehicle", "data": {"a": 1}, "id": "7"},
         {"type": "message", "data": [2], "id": "7"}], "7",
    ]  # fmt: skip
    assert [json.loads(text) for text in page.evaluate(script)] == [expected]
