"""Numbers as people read them, and names that cannot do anything to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit import show


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1500, "1.5 kB"),
        (99_400, "99.4 kB"),
        (99_960, "100 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (1_500_000_000, "1.5 GB"),
        (2 * 10**12, "2.0 TB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert show.size(count) == text


def test_rate() -> None:
    assert show.rate(1.5e9) == "1.5 GB/s"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00 s"),
        (0.24, "0.24 s"),
        (0.999, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (200, "3 min 20 s"),
        (119.7, "2 min 00 s"),
        (5399.6, "1 h 30 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert show.seconds(value) == text


def test_count() -> None:
    assert show.count(1, "file") == "1 file"
    assert show.count(0, "file") == "0 files"
    assert show.count(1234, "entry", "entries") == "1,234 entries"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain-name_1.txt", "plain-name_1.txt"),
        ("Grüße 目录.txt".encode(), "Grüße 目录.txt"),
        (b"a\nb\tc\rd", "a\\nb\\tc\\rd"),
        (b"\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        (b"\x00\x7f", "\\x00\\x7f"),
        ("\x85\x9b31m".encode(), "\\x85\\x9b31m"),  # C1: a terminal may take 9b for ESC [
        (b"caf\xe9", "caf\\xe9"),
        ("exe\u202egnp.txt".encode(), "exe\\u202egnp.txt"),
        ("\u2066x\u2069\u200f\u061c".encode(), "\\u2066x\\u2069\\u200f\\u061c"),
        ("a\u2028b\u2029c".encode(), "a\\u2028b\\u2029c"),
        ("zero\u200bwidth\ufeff".encode(), "zero\\u200bwidth\\ufeff"),
        ("\U000e0041".encode(), "\\U000e0041"),  # an invisible tag
        (b"bad [/oops].txt", "bad [/oops].txt"),  # markup: text, the faces print it without
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),  # a surrogate in UTF-8
    ],
)
def test_path(name: bytes, text: str) -> None:
    assert show.path(name) == text


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_a_lone_surrogate_is_escaped(code: int) -> None:
    assert show.path(f"a{chr(code)}b").isascii()


INERT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.binary())
def test_no_name_holds_anything_but_characters(name: bytes) -> None:
    shown = show.path(name)
    shown.encode("utf-8")
    assert not [c for c in shown if unicodedata.category(c) in INERT]


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_text_holds_anything_but_characters(text: str) -> None:
    shown = show.text(text)
    shown.encode("utf-8")
    assert not [c for c in shown if unicodedata.category(c) in INERT]
    assert shown.splitlines() in ([], [shown])


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert show.path(name) == name
