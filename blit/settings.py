"""Where blit keeps what it remembers, and the few lasting choices; every failure means defaults.

Nothing is imported at the top but what costs nothing: a copy of one small file asks here, at its
end, whether it may leave a line in the history (platformdirs and pathlib alone take 17 ms,
2026-11-22).
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

OFF_VARIABLE = "BLIT_DISABLE_LOCAL_TELEMETRY"
_NAME = "config.toml"


# -- places ---------------------------------------------------------------------------------------


def config_dir() -> Path:
    """Settings and the performance history; not made here. BLIT_CONFIG_DIR moves it."""
    from pathlib import Path

    return Path(config_folder())


def config_folder() -> str:
    """`config_dir` for the end of a copy: on Linux what platformdirs says, without its import."""
    if given := os.environ.get("BLIT_CONFIG_DIR"):
        return given
    if sys.platform == "linux":
        return _under(os.environ.get("XDG_CONFIG_HOME", "").strip(), "~/.config")
    from platformdirs import user_config_dir

    return user_config_dir("blit", appauthor=False)


def state_dir() -> Path:
    """The queue of transfers; not made here. Beside the settings where BLIT_CONFIG_DIR is set."""
    from pathlib import Path

    if given := os.environ.get("BLIT_CONFIG_DIR"):
        return Path(given)
    if sys.platform == "linux":  # as platformdirs has it, which costs the screen's start 5 ms
        return Path(_under(os.environ.get("XDG_STATE_HOME", "").strip(), "~/.local/state"))
    from platformdirs import user_state_path

    return user_state_path("blit", appauthor=False)


def _under(base: str, usual: str) -> str:
    """A folder for blit. Who has no home gets one below `/`, not one named `~` where they are."""
    return os.path.join(base or os.path.expanduser(usual).removeprefix("~"), "blit")


# -- choices --------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What is chosen once and kept, in `config.toml`."""

    history: bool = True  # leave a line in the performance history after each run
    theme: str = ""  # of the screen; empty: blit's own, dark or light
    mouse: bool = True  # the screen takes the mouse; off: the terminal selects text as usual
    notify: Literal["auto", "always", "never"] = "auto"  # bell and notification when it matters
    exclude: tuple[str, ...] = ()  # left out of every run: patterns before those that are given

    def words(self) -> str:
        """`exclude` as the screen's field takes it: blanks between patterns, in one escaped."""
        import re

        return " ".join(re.sub(r"(?<!\\)(?=\s)", r"\\", pattern) for pattern in self.exclude)


ALLOWED = {  # what each may be, in words
    "history": "true or false",
    "theme": "the name of a theme in quotes",
    "mouse": "true or false",
    "notify": '"auto", "always" or "never"',
    "exclude": 'a list of patterns, as ["*.tmp", ".cache/"]',
}


class Unusable(Exception):
    """In one sentence what is wrong with a choice that must not be passed over."""


def load() -> tuple[Settings, str]:
    """The settings, and a sentence about what could not be used; empty when all is well."""
    found, trouble = _read()
    if trouble or not found:
        return Settings(), trouble
    from blit.strict import checked, fields

    good, bad = {}, []
    for name, kind in fields(Settings).items():
        try:
            if name in found:
                good[name] = checked(kind, found[name])
        except ValueError:
            bad.append(name)
    what = " and ".join(f"{name} takes {ALLOWED[name]}" for name in sorted(bad))
    return Settings(**good), f"{_path()}: {what}; the default is taken" if bad else ""


def excludes() -> tuple[str, ...]:
    """The patterns that every run leaves out. Cheap where there is no `config.toml`.

    Raises Unusable where they cannot be known: a mirror deletes what it does not leave out.
    """
    path = _path()
    if not os.path.lexists(path):
        return ()
    found, trouble = _read()
    if trouble:
        try:
            with _opened(path) as file:
                if b"exclude" not in file.read():
                    return ()  # damaged, but not in this
        except OSError:
            pass
        trouble = trouble.replace(" and is not used", "")
        raise Unusable(f"{trouble}, and may leave something out: mend it, or say --no-config")
    said = found.get("exclude", [])
    if not isinstance(said, list) or not all(
        isinstance(each, str) and each.strip("!") and not set(each) & {"\n", "\0"} for each in said
    ):
        text = f"{path}: exclude takes {ALLOWED['exclude']}: mend it, or say --no-config"
        raise Unusable(text)
    return tuple(said)


def file() -> tuple[str, dict[str, Any], str]:
    """Where `config.toml` is, or would be; what stands in it; why it cannot be read, if so."""
    return (_path(), *_read())


def save(**choices: bool | str) -> None:
    """Remember some choices; the rest of the file, its comments too, stays. OSError, ValueError."""
    unknown = set(choices) - set(Settings._fields)
    if unknown:
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    import tomllib

    folder, path = config_folder(), _path()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    text = ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        tomllib.loads(text)
    except FileNotFoundError:
        pass
    except ValueError:  # it cannot be mended: kept aside, and begun anew
        os.replace(path, path + ".damaged")
        text = ""
    for name, value in choices.items():
        text = _with(text, name, value)
    # a link to a file elsewhere stays a link
    path = os.path.realpath(path)
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def switched_off() -> bool:
    """Whether the environment wants no history, whatever `config.toml` says."""
    return os.environ.get(OFF_VARIABLE, "") not in ("", "0")


def no_history() -> str:
    """Why no run leaves a line in the history, in words; empty when it may.

    Cheap where there is no `config.toml`. One that cannot be read may have said no: then it is no.
    """
    if switched_off():
        return f"switched off by {OFF_VARIABLE}"
    if not os.path.lexists(_path()):
        return ""
    found, trouble = _read()
    if trouble:
        return f"nothing is written: {trouble}"
    wish = found.get("history", True)
    if not isinstance(wish, bool):
        return f"nothing is written: {_path()}: history is neither true nor false"
    if not wish:
        return "switched off (blit diagnostics perf --enable switches it on)"
    return ""


def _path() -> str:
    return os.path.join(config_folder(), _NAME)


def _read() -> tuple[dict[str, Any], str]:
    import tomllib

    path = _path()
    try:
        with _opened(path) as file:
            return tomllib.load(file), ""
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{path} cannot be read ({error.strerror})"
    except ValueError:  # not TOML, not UTF-8
        return {}, f"{path} is damaged and is not used"


def _opened(path: str) -> BinaryIO:
    """Never waits, whatever lies there. OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return open(fd, "rb")


def _with(text: str, name: str, value: bool | str) -> str:
    """The text of a TOML file with one value set; only the lines before the first table count."""
    import json
    import re

    # a JSON string is a TOML string, except that TOML wants DEL escaped
    said = json.dumps(value).replace("\x7f", "\\u007f")
    lines = text.splitlines()
    tables = (i for i, line in enumerate(lines) if line.lstrip().startswith("["))
    end = next(tables, len(lines))
    for index in range(end):
        if re.match(rf"\s*(['\"]?){name}\1\s*=", lines[index]):
            lines[index] = f"{name} = {said}"
            break
    else:
        lines.insert(end, f"{name} = {said}")
    return "\n".join(lines) + "\n"
