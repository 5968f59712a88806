"""publish(event) reaches every subscriber through its own mailbox and waits for none of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from blit.events import Event, Heartbeat, RunFinished


class Mailbox:
    """One subscriber's events. Facts are kept in order; a heartbeat not read yet is replaced."""

    def __init__(self) -> None:
        self._facts: deque[Event] = deque()
        self._beat: Heartbeat | None = None
        self._changed = threading.Condition()
        self._closed = False

    def put(self, event: Event) -> None:
        with self._changed:
            if self._closed:
                return
            if isinstance(event, Heartbeat):
                self._beat = event
            else:
                if isinstance(event, RunFinished):
                    self._beat = None  # a beat that comes after the end would only confuse
                self._facts.append(event)
            self._changed.notify()

    def close(self) -> None:
        """No more events will come; what is there can still be read."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; None when there is none within `timeout` seconds, or never again."""
        with self._changed:
            self._changed.wait_for(lambda: self._facts or self._beat or self._closed, timeout)
            if self._facts:
                return self._facts.popleft()
            beat, self._beat = self._beat, None
            return beat

    def wait(self, timeout: float | None = None) -> bool:
        """Until there is something to read, or never will be; False after `timeout` seconds."""
        with self._changed:
            return bool(
                self._changed.wait_for(lambda: self._facts or self._beat or self._closed, timeout)
            )

    @property
    def ended(self) -> bool:
        with self._changed:
            return self._closed and not self._facts and self._beat is None

    def __iter__(self) -> Iterator[Event]:
        while (event := self.get()) is not None:
            yield event


class Bus:
    """Where the engine publishes. A subscriber that reads slowly, or never, costs only memory."""

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox] = []

    def subscribe(self) -> Mailbox:
        mailbox = Mailbox()
        self._mailboxes.append(mailbox)
        return mailbox

    def publish(self, event: Event) -> None:
        for mailbox in self._mailboxes:
            mailbox.put(event)

    def close(self) -> None:
        for mailbox in self._mailboxes:
            mailbox.close()
