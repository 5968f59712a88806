"""Facts are kept, heartbeats replaced, and a subscriber that does not read costs nothing."""

from __future__ import annotations

import threading
import time

from blit.bus import Bus, Mailbox
from blit.events import Event, Flushing, Heartbeat, Resumed


def beat(elapsed: float) -> Heartbeat:
    return Heartbeat(elapsed, "copying", 1, 2, 3, 4, True, 0, 0, 0, 0.0, ())


def fact(number: int) -> Event:
    return Resumed(float(number))


def read(mailbox: Mailbox) -> list[Event]:
    found = []
    while (event := mailbox.get(timeout=0)) is not None:
        found.append(event)
    return found


def test_every_fact_reaches_every_subscriber_in_order() -> None:
    bus = Bus()
    boxes = [bus.subscribe(), bus.subscribe()]
    facts = [fact(i) for i in range(100)]
    for each in facts:
        bus.publish(each)
    assert read(boxes[0]) == facts
    assert read(boxes[1]) == facts


def test_only_the_last_unread_heartbeat_is_kept() -> None:
    mailbox = Mailbox()
    for elapsed in (1.0, 2.0, 3.0):
        mailbox.put(beat(elapsed))
    assert read(mailbox) == [beat(3.0)]


def test_a_heartbeat_never_pushes_a_fact_out() -> None:
    mailbox = Mailbox()
    mailbox.put(fact(1))
    mailbox.put(beat(1.0))
    mailbox.put(fact(2))
    mailbox.put(beat(2.0))
    found = read(mailbox)
    assert [e for e in found if isinstance(e, Resumed)] == [fact(1), fact(2)]
    assert [e for e in found if isinstance(e, Heartbeat)] == [beat(2.0)]


def test_an_empty_mailbox_answers_within_its_timeout() -> None:
    mailbox = Mailbox()
    assert mailbox.get(timeout=0.001) is None
    assert not mailbox.ended


def test_what_came_before_the_end_can_still_be_read() -> None:
    mailbox = Mailbox()
    mailbox.put(fact(1))
    mailbox.close()
    assert not mailbox.ended
    mailbox.put(fact(2))  # too late
    assert list(mailbox) == [fact(1)]
    assert mailbox.ended


def test_a_closed_bus_ends_every_mailbox() -> None:
    bus = Bus()
    boxes = [bus.subscribe(), bus.subscribe()]
    bus.close()
    assert all(box.ended for box in boxes)
    assert boxes[0].get() is None  # does not wait


def test_a_subscriber_that_never_reads_holds_nobody_up() -> None:
    bus = Bus()
    bus.subscribe()  # dead
    alive = bus.subscribe()
    began = time.monotonic()
    for i in range(20_000):
        bus.publish(beat(float(i)))
        bus.publish(fact(i))
    assert time.monotonic() - began < 5  # 0.1 s measured; a wait anywhere would be for ever
    assert len(read(alive)) == 20_001


def test_a_reader_in_another_thread_gets_all_and_ends() -> None:
    bus = Bus()
    mailbox = bus.subscribe()
    found: list[Event] = []
    reader = threading.Thread(target=lambda: found.extend(mailbox))
    reader.start()
    for i in range(1000):
        bus.publish(fact(i))
        bus.publish(beat(float(i)))
    bus.close()
    reader.join(timeout=10)
    assert not reader.is_alive()
    assert [e for e in found if isinstance(e, Resumed)] == [fact(i) for i in range(1000)]
    assert beat(999.0) in found


def test_a_waiting_reader_is_woken() -> None:
    mailbox = Mailbox()
    found: list[Event | None] = []
    reader = threading.Thread(target=lambda: found.append(mailbox.get(timeout=10)))
    reader.start()
    mailbox.put(Flushing((b"/d",), "why"))
    reader.join(timeout=5)
    assert found == [Flushing((b"/d",), "why")]
