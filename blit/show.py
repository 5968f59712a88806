"""Bytes, rates, times and paths as text that is safe on any terminal."""

from __future__ import annotations

import os

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
# what could change the terminal or the reading direction: shown as an escape instead
_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029}


def size(count: float) -> str:
    """`1.5 GB`; powers of 1000, as disks and ls --si count."""
    value = float(count)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def rate(per_second: float) -> str:
    return size(per_second) + "/s"


def seconds(value: float) -> str:
    """`0.24 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if value < 9.95:
        return f"{value:.2f} s" if value < 0.995 else f"{value:.1f} s"
    if value < 90:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 90:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def count(number: int, one: str, many: str = "") -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def path(raw: bytes | str) -> str:
    """A name as text: nothing in it can move the cursor, change colours or turn the line round."""
    return text(raw if isinstance(raw, str) else os.fsdecode(raw))


def text(value: str) -> str:
    if value.isprintable() and value.isascii():
        return value
    return "".join(map(_safe, value))


def _safe(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or 0x7F <= code < 0xA0:
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\x{code:02x}")
    if code in _BIDI or 0xD800 <= code <= 0xDFFF or not (char.isprintable() or char == " "):
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char
