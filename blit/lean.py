"""asyncio, anyio and Textual without what they import whether it is needed or not.

OpenSSL costs 6 ms; what Textual has for typing, for downloads and for names of files 15 ms.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Later(ModuleType):
    """Stands in for `ssl` until somebody asks it for anything else; then it is the real one."""

    class SSLWantReadError(OSError):
        pass

    class SSLSyscallError(OSError):
        pass

    class SSLContext:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks what kind of module this is
            raise AttributeError(name)
        if sys.modules.get("ssl") is self:
            del sys.modules["ssl"]
        real: Any = importlib.import_module("ssl")
        vars(self).update(vars(real))  # who holds this one has no other class of a name than others
        # what was taken from here as they were imported: they get the real ones with the rest
        again: Any = sys.modules.get("asyncio.sslproto")
        if again is not None:
            again.SSLAgainErrors = (real.SSLWantReadError, real.SSLSyscallError)
        again = sys.modules.get("anyio.streams.tls")
        if again is not None:
            again.SSLContext = real.SSLContext
        return getattr(real, name)


def without_ssl() -> None:
    """Before the first import of asyncio, in a process that is ours and talks to nobody."""
    if "ssl" not in sys.modules and "asyncio" not in sys.modules:
        sys.modules["ssl"] = _Later("ssl", "imported when it is needed")


class _Unneeded(ModuleType):
    """Stands in for a module until one of its names is used; then the real one is imported."""

    def __init__(self, name: str, functions: tuple[str, ...] = (), part: str = "") -> None:
        super().__init__(name)
        self._functions, self._part = functions, part

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks what kind of module this is
            raise AttributeError(name)
        if name in self._functions:
            return lambda *a, **k: getattr(self._real(), name)(*a, **k)
        part = sys.modules.get(self._part)
        return getattr(part if hasattr(part, name) else self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


def lighten(screen: bool) -> None:
    """Before the first import of asyncio, and of Textual, in a process that is ours."""
    without_ssl()
    for module in screen * (
        _Unneeded("uuid", functions=("uuid4",)),
        _Unneeded("mimetypes"),
        _Unneeded("platformdirs", functions=("user_downloads_path",)),
        # public names of what lies elsewhere, with half of the widgets behind them
        _Unneeded("textual.types", part="textual._types"),
    ):
        if not {module.__name__, "textual"} & set(sys.modules):
            sys.modules[module.__name__] = module
