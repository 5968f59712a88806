"""Textual's driver of the terminal, made to survive what terminals and people do to it."""

from __future__ import annotations

import os
import select

from textual.drivers.linux_driver import LinuxDriver

_QUIET = 0.05  # seconds without a byte, after which what was no keys is taken to be over


class TerminalDriver(LinuxDriver):
    _suspended = False

    def run_input_thread(self) -> None:
        """Read on after bytes that are no keys: Textual ends with a traceback at any that are not
        UTF-8, and at numbers in a sequence that no key has. What comes along with them is dropped:
        the rest of a paste would be taken for keys."""
        while not self.exit_event.is_set():
            try:
                super().run_input_thread()
            except (ValueError, OverflowError, ZeroDivisionError):
                self._drop()

    def _drop(self) -> None:
        while not self.exit_event.is_set() and select.select([self.fileno], [], [], _QUIET)[0]:
            if not os.read(self.fileno, 1 << 16):
                return

    def suspend_application_mode(self) -> None:
        self._suspended = True
        super().suspend_application_mode()

    def resume_application_mode(self) -> None:
        """Go on after SIGCONT. Textual begins once more even where it was SIGSTOP that stopped it,
        as by a debugger or a freezer: it then reads keys twice at once, and at the end leaves the
        terminal raw, since that is how it found it."""
        found = self.attrs_before
        again = not self._suspended
        if again:
            self.disable_input()
            self.close()
        self._suspended = False
        super().resume_application_mode()
        if again:
            self.attrs_before = found
            self.send_message(self.SignalResume())
