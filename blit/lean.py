"""asyncio and anyio without OpenSSL, which both import whether it is needed or not, in 6 ms."""

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
