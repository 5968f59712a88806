"""Where one transfer's story is told: folds each event into one state, and passes it on."""

from __future__ import annotations

from blit.bus import Bus, Mailbox
from blit.events import Event, Heartbeat
from blit.state import TransferState


class Board:
    """The engine's thread alone writes; everybody may read `state`, one immutable value."""

    def __init__(self) -> None:
        self.state = TransferState()
        self._bus = Bus()
        self._closed = False

    def publish(self, event: Event) -> None:
        self.state = self.state.after(event)
        self._bus.publish(event)

    def glance(self, beat: Heartbeat) -> None:
        """A beat between two beats, for who polls the state; the bus does not carry it."""
        self.state = self.state.after(beat)

    def join(self) -> tuple[TransferState, Mailbox]:
        """What was so far, and a mailbox for what follows; only in the engine's thread."""
        mailbox = self._bus.subscribe()
        if self._closed:
            mailbox.close()
        return self.state, mailbox

    def close(self) -> None:
        self._closed = True
        self._bus.close()
