"""Checks what JSON or TOML said against types; pydantic, beside a screen, takes 0.1 s to import."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_hints: dict[type, dict[str, Any]] = {}


def checked(kind: Any, value: Any) -> Any:
    """The value as `kind`: a named tuple of a table, a list, a tuple, one of several, or plain.

    What a table has beside the fields is passed over. ValueError where anything does not fit.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        if any(type(value) is type(one) and value == one for one in inner):
            return value
    elif origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return checked(next(one for one in inner if one is not type(None)), value)
    elif origin in (list, tuple):
        if isinstance(value, list | tuple):
            return _several(origin, inner, value)
    elif kind is float:
        if type(value) in (int, float) and abs(value) < 1e300:  # not infinite, and not none at all
            return float(value)
    elif kind is int:
        if type(value) is int or (type(value) is float and value.is_integer()):
            return int(value)
    elif kind is str:
        if type(value) is str:
            value.encode()  # a lone surrogate is none: UnicodeEncodeError is a ValueError
            return value
    elif kind is bool:
        if type(value) is bool:
            return value
    elif isinstance(value, dict):
        return _table(kind, value)
    raise ValueError(f"{kind} is wanted")


def fields(kind: Any) -> dict[str, Any]:
    """The types of a named tuple's fields."""
    if kind not in _hints:
        _hints[kind] = get_type_hints(kind)
    return _hints[kind]


def _several(origin: Any, inner: tuple[Any, ...], value: list[Any] | tuple[Any, ...]) -> Any:
    if origin is list or inner[1:] == (...,):
        return origin(checked(inner[0], one) for one in value)
    if len(inner) != len(value):
        raise ValueError(f"{len(inner)} values are wanted")
    return tuple(checked(*pair) for pair in zip(inner, value, strict=True))


def _table(kind: Any, value: dict[Any, Any]) -> Any:
    found = {
        name: checked(hint, value[name]) for name, hint in fields(kind).items() if name in value
    }
    if missing := set(kind._fields) - set(found) - set(kind._field_defaults):
        raise ValueError(f"{min(missing)} is missing")
    return kind(**found)
