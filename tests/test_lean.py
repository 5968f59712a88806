"""asyncio without OpenSSL, and the real thing as soon as it is asked for."""

from __future__ import annotations

import subprocess
import sys


def said(code: str) -> list[str]:
    command = [sys.executable, "-c", "from blit import lean; lean.without_ssl()\n" + code]
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
    """With the classes left as they were, TLS of asyncio would not know its own errors."""
    code = """
import anyio.streams.tls, asyncio.sslproto, ssl
kind = type(ssl.create_default_context())
import _ssl, ssl as again
print(kind is again.SSLContext is anyio.streams.tls.SSLContext)
print(asyncio.sslproto.SSLAgainErrors == (_ssl.SSLWantReadError, _ssl.SSLSyscallError))
print(asyncio.base_events.ssl.SSLSocket is again.SSLSocket, type(again).__name__)"""
    assert said(code) == ["True", "True", "True", "module"]


def test_a_process_that_has_it_keeps_it() -> None:
    code = "import ssl\nfrom blit import lean\nlean.without_ssl()\nprint(type(ssl).__name__)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "module\n"
