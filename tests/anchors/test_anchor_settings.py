"""Settings and URLs: nothing goes online by default, and what is odd is refused with its key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.anchors.bitcoin import HeaderFile
from fleet_backend.anchors.errors import SettingsError
from fleet_backend.anchors.settings import load_settings
from fleet_backend.anchors.webrequest import check_url

TOP = 'ledger = "log"\npolicy = "log/policy.txt"\n'
OTS = '[opentimestamps]\ncalendars = ["https://a.example", "https://b.example"]\n'
EVM = '[evm]\nrpc_url = "https://node.example/key"\nkey_file = "account.key"\nchain_id = 5\n'


def load(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "anchor.toml"
    path.write_text(text)
    return load_settings(path)


def test_by_default_nobody_is_asked_anything(tmp_path: Path) -> None:
    settings = load(tmp_path, TOP)
    assert settings.calendars is None and settings.evm is None
    assert settings.headers.source() is None
    assert settings.ledger == tmp_path / "log"
    assert settings.folder == tmp_path / "log/anchors"
    assert settings.every_s == 3_600


def test_all_of_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("")
    text = (
        "every_min = 5\npoll_s = 2\n" + TOP + OTS + 'needed = 1\nalso_ask = ["https://c.example"]\n'
        '[bitcoin]\nheaders = "headers"\nleast_work_bits = 0\n'
        + EVM
        + 'confirmations = 3\nmax_fee_gwei = 2\ncontract = "0x'
        + "01" * 20
        + '"\n'
    )
    settings = load(tmp_path, text)
    assert (settings.every_s, settings.poll_s) == (300, 2.0)
    assert settings.calendars is not None and settings.evm is not None
    assert settings.calendars.urls == ("https://a.example", "https://b.example")
    assert (settings.calendars.needed, settings.calendars.also_ask) == (1, ("https://c.example",))
    assert isinstance(settings.headers.source(), HeaderFile)
    assert settings.evm.key_file == tmp_path / "account.key"
    assert (settings.evm.chain.chain_id, settings.evm.chain.confirmations) == (5, 3)
    assert settings.evm.contract == b"\x01" * 20


def test_all_calendars_are_needed_unless_said(tmp_path: Path) -> None:
    settings = load(tmp_path, TOP + OTS)
    assert settings.calendars is not None and settings.calendars.needed == 2


BAD = {
    "not TOML": "=",
    "no ledger": 'policy = "x"\n',
    "unknown key": "speed = 1\n" + TOP,
    "unknown key of a table": TOP + OTS + "speed = 1\n",
    "text for a number": 'every_min = "5"\n' + TOP,
    "true for a number": "every_min = true\n" + TOP,
    "out of bounds": "every_min = 0\n" + TOP,
    "nan": "poll_s = nan\n" + TOP,
    "a list for a text": 'ledger = []\npolicy = "x"\n',
    "empty text": 'ledger = ""\npolicy = "x"\n',
    "a text for a table": 'evm = "x"\n' + TOP,
    "no calendars": TOP + "[opentimestamps]\n",
    "an empty list": TOP + "[opentimestamps]\ncalendars = []\n",
    "a calendar twice": TOP + '[opentimestamps]\ncalendars = ["https://a.e", "https://a.e/"]\n',
    "a number as calendar": TOP + "[opentimestamps]\ncalendars = [1]\n",
    "more needed than there are": TOP + OTS + "needed = 3\n",
    "plain http": TOP + '[opentimestamps]\ncalendars = ["http://a.example"]\n',
    "two sources": TOP + '[bitcoin]\nesplora = "https://a.e"\nrest = "https://b.e"\n',
    "no chain": TOP + EVM.replace("chain_id = 5\n", ""),
    "no key": TOP + EVM.replace('key_file = "account.key"\n', ""),
    "no address": TOP + EVM + 'contract = "0x12"\n',
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_settings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        load(tmp_path, BAD[name])


def test_an_error_does_not_repeat_what_may_be_a_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, TOP + EVM.replace('"account.key"', '["hunter2"]'))
    assert "key_file" in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://calendar.example", "https://h.example:8443/path", "http://127.0.0.1:3000",
        "http://localhost", "http://192.168.1.5/x", "http://[::1]:80",
    ],
)  # fmt: skip
def test_urls_that_may_be_asked(url: str) -> None:
    assert check_url(url).geturl() == url


@pytest.mark.parametrize(
    "url",
    [
        "", "calendar.example", "ftp://h.example", "file:///etc/passwd", "https://", "http://8.8.8.8",
        "http://calendar.example", "https://user:secret@h.example", "https://h.example/?q=1",
        "https://h.example/#x", "https://h.example/a b", "https://h.example/\r\nX: y",
        "https://h.example:99999", "https://[::1", "https://h.exämple", "https://h/" + "x" * 1_000,
    ],
)  # fmt: skip
def test_urls_that_may_not(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=40))
def test_nonsense_is_no_url(text: str) -> None:
    try:
        parts = check_url(text)
    except SettingsError:
        return
    assert parts.scheme in ("http", "https") and parts.hostname


def test_settings_that_are_not_there_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="trifleet anchor init"):
        load_settings(tmp_path / "anchor.toml")
