"""Labels are read back from the files as a phone would: what was drawn, not what was meant."""

import io
import re
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import Browser

from workbench.errors import LabelError
from workbench.label import svg
from workbench.label.files import render
from workbench.label.label import Label, spoken
from workbench.label.layout import draw

ADDRESS = "https://fleet.example:8443"
LABELS = {
    "beside": Label("trike-17", ADDRESS),
    "above": Label("mw" * 16, ADDRESS, 90, 120, "H", "0 17"),
    "low": Label("t", "http://127.0.0.1:8080", 60, 30, "L"),
}


def read(image: Any) -> str:
    """What is in the one code of an image."""
    (found,) = zxingcpp.read_barcodes(image)
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    return found.text


@pytest.mark.parametrize("name", LABELS)
def test_a_pdf_is_read_in_its_size_and_says_its_words(name: str) -> None:
    label = LABELS[name]
    data = render(label, ".pdf")
    assert data == render(label, ".pdf")
    document = pypdfium2.PdfDocument(data)
    page = document[0]
    size = page.get_size()
    assert [round(value / 72 * 25.4, 1) for value in size] == [label.width_mm, label.height_mm]
    assert read(page.render(scale=4).to_pil()) == f"{label.address}/ride#/v/{label.vehicle}"
    text = page.get_textpage()
    words = " ".join(text.get_text_bounded().split())
    assert label.vehicle in words and f"Urgence : appelez le {label.emergency}" in words
    assert f"Emergency: call {label.emergency}" in words
    for number in range(text.count_chars()):
        left, bottom, right, top = text.get_charbox(number)
        assert left >= 0 and right <= size[0] and bottom >= 0 and top <= size[1]
    text.close()
    document.close()


def test_an_svg_is_read_as_a_browser_draws_it(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": 380, "height": 500}, device_scale_factor=2)
    try:
        for label in LABELS.values():
            page.set_content(render(label, ".svg").decode())
            assert read(Image.open(io.BytesIO(page.screenshot()))) == label.url
            box = page.locator("svg").bounding_box()
            assert box is not None
            for text in page.locator("text").all():
                own = text.bounding_box()
                assert own is not None
                assert own["x"] + own["width"] <= box["x"] + box["width"]
                assert own["y"] + own["height"] <= box["y"] + box["height"] + 1
    finally:
        page.close()


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("name", LABELS)
def test_a_zpl_is_read_from_the_dots_that_the_printer_gets(name: str, dpi: int) -> None:
    text = render(LABELS[name], ".zpl", dpi).decode("ascii")
    assert text.startswith("^XA\n^CI28\n") and text.endswith("^XZ\n")
    width, height = (int(re.search(rf"\^{key}(\d+)", text)[1]) for key in ("PW", "LL"))  # type: ignore[index]
    field = re.search(r"\^FO(\d+),(\d+)\^GFA,(\d+),\3,(\d+),([0-9A-F]+)\^FS", text)
    assert field is not None
    x, y, total, row_bytes = map(int, field.groups()[:4])
    dots = bytes.fromhex(field[5])
    assert len(dots) == total
    black = Image.frombytes("1", (row_bytes * 8, total // row_bytes), dots)
    paper = Image.new("1", (width, height), 1)
    paper.paste(black.point(lambda bit: not bit), (x, y))
    assert read(paper.convert("L")) == LABELS[name].url
    # Nothing but our own commands: a name or an address cannot smuggle one in.
    assert set(re.findall(r"[\^~][A-Z0-9]{2}", text)) <= {
        "^XA", "^XZ", "^CI", "^PW", "^LL", "^LH", "^FO", "^GF", "^FS", "^A0", "^FH", "^FD",
    }  # fmt: skip


@given(st.binary(max_size=40))
def test_runs_of_dark_modules_are_the_row(noise: bytes) -> None:
    row = bytes(byte & 1 for byte in noise)
    back = bytearray(len(row))
    for start, length in svg.dark_runs(row):
        back[start : start + length] = b"\1" * length
    assert back == row


@settings(max_examples=60)
@given(
    st.text("abz019-", min_size=1, max_size=32),
    st.floats(20, 300),
    st.floats(20, 300),
    st.sampled_from("LMQH"),
)
def test_what_fits_stays_inside_and_what_does_not_is_refused(
    name: str, width: float, height: float, level: str
) -> None:
    try:
        drawing = draw(Label(name, ADDRESS, width, height, level))
    except LabelError:
        return
    code, quiet = drawing.code, 4 * drawing.code.module
    side = len(code.matrix) * code.module
    assert code.module >= 0.4
    assert min(code.x, code.y) >= quiet - 1e-6
    assert code.x + side + quiet <= width + 1e-6 and code.y + side + quiet <= height + 1e-6
    for text in drawing.texts:
        assert text.size >= 1.7 and text.y <= height
        assert text.x >= code.x + side or text.y - text.size >= code.y + side


@pytest.mark.parametrize(
    "changes",
    [
        {"vehicle": "Trike 7"},
        {"vehicle": ""},
        {"address": "fleet.example"},
        {"address": "https://user:word@fleet.example"},
        {"address": "https://fleet.example/path"},
        {"address": "https://fleet.example?q"},
        {"address": "https://fleet.example^XZ"},
        {"address": "javascript://fleet.example"},
        {"address": "https://" + "a" * 200},
        {"level": "X"},
        {"width_mm": 19.0},
        {"height_mm": float("nan")},
        {"emergency": "^XA"},
        {"emergency": "1"},
        {"emergency": "١١٢"},
    ],
)
def test_nonsense_is_no_label(changes: dict[str, Any]) -> None:
    with pytest.raises(LabelError):
        Label(**{"vehicle": "trike-1", "address": ADDRESS, **changes})


def test_what_cannot_be_printed_is_refused() -> None:
    label = Label("trike-1", ADDRESS)
    for ending, dpi in ((".png", 203), ("", 203), (".zpl", 72)):
        with pytest.raises(LabelError):
            render(label, ending, dpi)
    with pytest.raises(LabelError, match="modules"):
        draw(Label("v" * 32, ADDRESS, 20, 20, "H"))


def test_a_name_is_said_digit_by_digit() -> None:
    assert spoken("trike-17", "en") == "trike one seven"
    assert spoken("a0-9z", "fr") == "a zéro neuf z"
    assert spoken("7", "en") == "seven"
