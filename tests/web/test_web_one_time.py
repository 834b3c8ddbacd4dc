"""One-time codes of the browser against the Python they must agree with."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from protocol import codes

VECTORS = Path(__file__).parents[1] / "vectors"


def test_a_code_has_the_hash_that_python_gives_it(page: Page) -> None:
    cases = [json.loads(path.read_text()) for path in sorted((VECTORS / "codes").glob("*.json"))]
    assert len(cases) >= 5
    script = """async (cases) => {
      const { saltFor, stretch } = await import("/static/ui/one_time.js");
      const { fromHex, toHex } = await import("/static/ui/bytes.js");
      return Promise.all(cases.map(async ({ vehicle, holder, drawn, code }) =>
        toHex(await stretch(await saltFor(vehicle, fromHex(holder), fromHex(drawn)), code))));
    }"""
    given = [case["input"] for case in cases]
    assert page.evaluate(script, given) == [case["expect"] for case in cases]


def test_a_request_with_codes_is_the_one_of_the_vector(page: Page) -> None:
    case = json.loads((VECTORS / "request/grant-codes.json").read_text())
    expect = case["expect"]
    assert [len(bytes.fromhex(item["hex"])) for item in expect["codes"]] == [16, 16, 16]
    script = """async ([told, codes]) => {
      const { signGrantRequest } = await import("/static/ui/documents.js");
      const { split, PS256 } = await import("/static/ui/cose.js");
      const { fromHex, toHex } = await import("/static/ui/bytes.js");
      const request = { ...told, nonce: fromHex(told.nonce), codes: codes.map(fromHex) };
      const sealed = await signGrantRequest(request, async () => new Uint8Array(256));
      return toHex(split(sealed, PS256, "request").payload);
    }"""
    told = {**expect, "nonce": expect["nonce"]["hex"]}
    items = [item["hex"] for item in told.pop("codes")]
    assert page.evaluate(script, [told, items]) == case["input"]["payload"]


DRAWN = """async ([words, count]) => {
  const { drawCodes } = await import("/static/ui/one_time.js");
  const real = crypto.getRandomValues;
  const left = words.map(BigInt);
  crypto.getRandomValues = (array) => {
    if (array instanceof BigUint64Array) array[0] = left.shift();
    else real.call(crypto, array);
    return array;
  };
  try {
    const { codes } = await drawCodes("trike-1", new Uint8Array(32), count);
    return { codes, left: left.length };
  } catch (error) {
    return { error: error.message };
  } finally {
    crypto.getRandomValues = real;
  }
}"""


def test_codes_are_drawn_evenly_and_never_twice(page: Page) -> None:
    last = 10**16 - 1
    # Beyond the codes: thrown away. Ten bits above the 54: not looked at. Twice: drawn once more.
    words = [10**16, (1 << 54) - 1, last, last, (1023 << 54) + 42, 42, 7]
    told = page.evaluate(DRAWN, [[str(word) for word in words], 3])
    assert told == {"codes": [str(last), f"{42:016}", f"{7:016}"], "left": 0}


@pytest.mark.parametrize("count", [-1, 0, 5])
def test_a_grant_carries_one_to_four_codes(page: Page, count: int) -> None:
    assert "1 to 4" in page.evaluate(DRAWN, [[], count])["error"]


def test_codes_of_the_browser_are_codes_of_the_protocol(page: Page) -> None:
    script = """async (holder) => {
      const { drawCodes } = await import("/static/ui/one_time.js");
      const { fromHex, toHex } = await import("/static/ui/bytes.js");
      const { codes, wire } = await drawCodes("trike-1", fromHex(holder), 4);
      return [codes, wire.map(toHex)];
    }"""
    holder = os.urandom(32)
    told, items = page.evaluate(script, holder.hex())
    wire = [bytes.fromhex(item) for item in items]
    assert codes.decode(wire, "wire") == wire
    salt = codes.salt_for("trike-1", holder, wire[0])
    assert [codes.stretch(salt, code.encode()) for code in told] == wire[1:]
