"""asyncio and Textual without what they do not need, and the real things once they are asked for."""

from __future__ import annotations

import subprocess
import sys


def said(code: str, screen: bool = False) -> list[str]:
    begin = f"from blit import lean; lean.lighten({screen})\n"
    command = [sys.executable, "-c", begin + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_loop_runs_without_it() -> None:
    """Without lean.py this fails: asyncio imports ssl."""
    code = """
import sys, anyio
async def main(): await anyio.sleep(0)
anyio.run(main)
print("_ssl" in sys.modules)"""
    assert said(code) == ["False"]


def test_who_asks_for_it_gets_the_real_one_and_so_do_those_who_had_it_before() -> None:
    """With the classes left as they were, TLS of asyncio would not know its own errors; without the
    update of `vars(self)` in lean.py `start_tls` refuses every context."""
    code = """
import anyio.streams.tls, asyncio.sslproto, ssl
kind = type(ssl.create_default_context())
import _ssl, ssl as again
print(kind is again.SSLContext is anyio.streams.tls.SSLContext)
print(asyncio.sslproto.SSLAgainErrors == (_ssl.SSLWantReadError, _ssl.SSLSyscallError))
print(asyncio.base_events.ssl.SSLSocket is again.SSLSocket, type(again).__name__)
print(asyncio.base_events.ssl.SSLContext is again.SSLContext is not None)"""
    assert said(code) == ["True", "True", "True", "module", "True"]


def test_a_process_that_has_it_keeps_it() -> None:
    code = "import ssl\nfrom blit import lean\nlean.without_ssl()\nprint(type(ssl).__name__)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "module\n"


def test_a_screen_loads_none_of_what_it_does_not_use() -> None:
    """Without lean.py, or with pydantic for the queue, this fails."""
    code = """
import sys, blit.session, blit.tui.app, blit.store
heavy = ("pydantic", "_ssl", "platform", "bz2", "textual.widgets._select", "textual.widgets._tree")
print(*[name for name in heavy if name in sys.modules])"""
    assert said(code, screen=True) == []


def test_what_textual_has_of_it_becomes_the_real_thing_when_it_is_used() -> None:
    code = """
import os
os.environ["XDG_DOWNLOAD_DIR"] = "/tmp/Downloads"
import textual.app as app, textual.notifications as notes
from textual.types import DirEntry, CallbackType
from textual._types import CallbackType as same
print(DirEntry.__name__, CallbackType is same, len(app.uuid.uuid4().hex), len(notes.uuid4().hex))
print(app.user_downloads_path().name, app.mimetypes.guess_type("a.txt")[0])
import platformdirs, uuid
print(type(uuid).__name__, type(platformdirs).__name__)"""
    assert said(code, screen=True) == [
        "DirEntry", "True", "32", "32", "Downloads", "text/plain", "module", "module",
    ]  # fmt: skip


def test_what_is_there_already_is_left_as_it_is() -> None:
    code = "import sys, uuid, textual.app\nfrom blit import lean\nlean.lighten(True)\n"
    code += "print(type(sys.modules['uuid']).__name__, 'platformdirs.unix' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "module True\n"
