"""One frozen sample for every situation of a transfer, told in events and folded by the state."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterable
from typing import Any

from blit.events import (
    Activity,
    BatchFinished,
    ByteCounts,
    Change,
    Counts,
    DeletionPlanned,
    Event,
    Failed,
    Flushing,
    Heartbeat,
    MirrorFinished,
    Paused,
    PlanFinished,
    RouteChosen,
    RunFinished,
    RunStarted,
    Seconds,
    Stalled,
    Summary,
)
from blit.job import Job
from blit.queue import ENDED, PARKED, RUNNING, WAITING, Entry
from blit.state import TransferState

AT = 1_795_349_040.0  # Unix time: 2026-11-22 12:04 UTC
PHOTOS = Job("copy", (b"/home/you/Photos",), b"/mnt/backup")
MUSIC = Job("mirror", (b"/home/you/Music",), b"/mnt/backup", can_ask=True)
VM = Job("copy", (b"/home/you/vm",), b"/mnt/nas")
DOCUMENTS = Job("mirror", (b"/home/you/Documents/",), b"/mnt/backup/Documents", can_ask=True)

HOSTILE = (
    b"bad [/oops] \x1b]0;pwn\x07",
    b"[red]x[/red] [@click=app.quit]go[/]",
    "\u202egnp.exe \u2066x\u2069".encode(),
    b"c1 \xc2\x9b31m del \x7f nl \n tab \t",
    b"not utf-8 \xff\xfe",
    "写真/🏖️ é́́ 家族".encode(),
    b"x" * 255,
)

FILES, BYTES = 31_200, 21_300_000_000
MB = 1_000_000
FAILURES = (
    Failed(b"2016/backup/thumbs.db", "read", errno.EIO, "Input/output error"),
    Failed(b"2018/scans/private.tif", "open", errno.EACCES, "Permission denied"),
    Failed(b"2019/07 Lisbon/IMG_2207.jpg", "copy", 0, "the file changes while it is copied"),
)
LATEST = (
    Change("new", b"2019/07 Lisbon/IMG_2198.jpg", "clone", 3_700_000),
    Change("new", b"2019/07 Lisbon/IMG_2199.jpg", "clone", 4_000_000),
    Change("size", b"2019/07 Lisbon/IMG_2200.jpg", "kernel", 4_200_000),
    Change("new", b"2019/07 Lisbon/IMG_2201.jpg", "kernel", 4_400_000),
    Change("new", b"2019/07 Lisbon/IMG_2202.jpg", "kernel", 3_900_000),
    Change("mtime", b"2019/07 Lisbon/IMG_2203.jpg", "clone", 4_100_000),
)
PHOTO = b"/mnt/backup/Photos/2019/07 Lisbon/IMG_2204.jpg"
WORKERS = (
    Activity(0, "copy", PHOTO, 0, 0, 159, "copy", 12, 20, 29 * MB, 48 * MB),
    Activity(1, "copy", b"/mnt/backup/Photos/2019/09/IMG_2711.jpg", 0, 0, 160, "copy", 4, 18,
             11 * MB, 51 * MB),
    Activity(2, "copy", b"/mnt/backup/Photos/2020/IMG_0012.jpg", 0, 0, 161, "copy", 1, 22,
             2_500_000, 50 * MB),
    Activity(3, "copy", b"/mnt/backup/Photos/films/sintel-4k_full.mp4", 4_100 * MB, 3_403 * MB,
             97, "range", 0, 1, 3_403 * MB, 4_100 * MB),
)  # fmt: skip
Rate = Callable[[float], float]


def lively(second: float) -> float:
    """Bytes a second: a cache's burst at first, a slow stretch, then steady with some life."""
    if 12.5 < second < 15.5:
        return 60e6
    burst = 480e6 * math.exp(-second / 1.5)
    return burst + 380e6 + 35e6 * math.sin(second * 1.7) + 25e6 * math.sin(second * 0.43)


def told(story: Iterable[Event], state: TransferState | None = None) -> TransferState:
    state = state or TransferState()
    for event in story:
        state = state.after(event)
    return state


def opening(
    job: Job = PHOTOS, lands: bytes = b"/mnt/backup/Photos", dry: bool = False
) -> list[Any]:
    source = job.sources[0]
    return [
        RunStarted(job.command, job.sources, lands, ((source, lands),), dry, AT, 212_000 * MB),
        RouteChosen("streaming", "many small files: batches to 3 processes", 55.0, 4,
                    ("ext4", "btrfs")),
    ]  # fmt: skip


def beats(
    until: float, rate: Rate = lively, start: float = 0.0, moved: float = 0.0, step: float = 0.5,
    **fields: Any,
) -> list[Any]:  # fmt: skip
    """Heartbeats as the rate has it; `fields` for all of them."""
    found: list[Any] = []
    now, quiet = start, 0.0
    while now < until - 1e-9:
        now += step
        speed = rate(now)
        moved = min(BYTES, moved + speed * step)
        quiet = 0.0 if speed else quiet + step
        usual: dict[str, Any] = {
            "phase": "copying", "files": int(FILES * moved / BYTES), "bytes": int(moved),
            "planned_files": FILES, "planned_bytes": BYTES, "plan_done": True,
            "waiting_batches": 41, "waiting_bytes": 7_900 * MB, "starved": 0, "quiet": quiet,
            "workers": WORKERS, "unchanged": 9_120,
        }  # fmt: skip
        found.append(Heartbeat(now, **(usual | fields)))
    return found


def batches(count: int = 118) -> list[Any]:
    found = [
        BatchFinished(n, n % 3, "range" if n % 40 == 0 else "copy", 100, 90 * MB, 0.9)
        for n in range(1, count - len(LATEST) + 1)
    ]
    return found + [
        BatchFinished(count - 5 + n, n % 3, "copy", 100, 90 * MB, 0.9, (change,))
        for n, change in enumerate(LATEST)
    ]


PLAN = PlanFinished(FILES, BYTES, 9_120, 1_204, 0, 1.3)
BEGUN = told(opening())
COUNTING = told(
    [
        *batches(3),
        *beats(2.0, phase="copying", plan_done=False, planned_files=12_860,
               planned_bytes=9_700 * MB, waiting_batches=9, waiting_bytes=400 * MB, unchanged=210),
    ],
    BEGUN,
)  # fmt: skip
RUNNING_STATE = told([PLAN, *beats(32.0), *FAILURES[:2], *batches(), FAILURES[2]], BEGUN)
RUNNING_STATE = told([BatchFinished(119, 1, "copy", 80, 70 * MB, 0.8, LATEST[-2:])], RUNNING_STATE)
PAUSED_STATE = told([Paused(32.0), *beats(36.0, lambda _: 0.0, 32.0, RUNNING_STATE.bytes,
                                          phase="paused", workers=())], RUNNING_STATE)  # fmt: skip
SILENT_STATE = told(
    beats(39.0, lambda _: 0.0, 32.0, RUNNING_STATE.bytes), RUNNING_STATE
)  # 7 s without movement
STALLED_SUMMARY = Summary(
    "stalled", 5, "copy", b"/home/you/Photos", b"/mnt/backup/Photos", "streaming",
    Counts(18_412, 9_120, 0, 3, 9_000), ByteCounts(12_400 * MB, 3_000 * MB),
    Seconds(42.0, 1.3, 0.2), 55.0, 4, FAILURES,
    "no progress for 10 s: copy /mnt/backup/Photos/2019/07 Lisbon/IMG_2204.jpg on btrfs (sdb1); "
    "check that the disk is there and its cable",
)  # fmt: skip
STALLED_STATE = told(
    [Stalled("copy", PHOTO, "btrfs (sdb1)", 10.0), RunFinished(STALLED_SUMMARY)], SILENT_STATE
)
ASKS = DeletionPlanned(1_204, 9_870, False, True, "1,204 of 9,870 entries, more than half of 2,000")
ASKING_STATE = told(
    [
        PLAN._replace(extras=1_204), *beats(57.0), *batches(), ASKS,
        *beats(59.0, lambda _: 0.0, 57.0, BYTES, phase="asking", workers=(), extras=1_204,
               files=FILES, waiting_batches=0, waiting_bytes=0),
    ],
    told(opening(MUSIC, b"/mnt/backup/Music")),
)  # fmt: skip
ASKED_EARLY_STATE = told([ASKS], RUNNING_STATE)  # the question stands while the copy goes on
DELETING_STATE = told(
    beats(61.0, lambda _: 0.0, 59.0, BYTES, phase="deleting", quiet=0.0, extras=1_204, deleted=410,
          files=FILES, waiting_batches=1, waiting_bytes=0,
          workers=(Activity(0, "delete", b"/mnt/backup/Music/old/01.flac", 0, 0, 300, "delete",
                            110, 200),)),
    ASKING_STATE,
)  # fmt: skip
FLUSHING_STATE = told(
    [Flushing((b"/mnt/backup/Photos",), "a removable disk"),
     *beats(59.0, lambda _: 0.0, 57.0, BYTES, phase="flushing", quiet=0.0, workers=(),
            files=FILES, waiting_batches=0, waiting_bytes=0)],
    told([PLAN, *beats(57.0), *batches()], BEGUN),
)  # fmt: skip


def ending(outcome: str, code: int, **fields: Any) -> RunFinished:
    usual = Summary(
        outcome, code, "copy", b"/home/you/Photos", b"/mnt/backup/Photos", "streaming",
        Counts(22_077, 9_120, 0, 0, 18_960), ByteCounts(BYTES, 12_000 * MB),
        Seconds(55.0, 1.3, 0.2), 58.0, 4,
        methods={"clone": 18_960, "kernel": 3_114, "read/write": 3},
    )  # fmt: skip
    return RunFinished(usual._replace(**fields))


WHOLE = [
    PLAN, *beats(38.0), *beats(41.5, lambda _: 0.0, 38.0, 14_600 * MB),
    *beats(55.0, start=41.5, moved=14_600 * MB), *batches(162),
]  # fmt: skip
DONE_STATE = told([*WHOLE, ending("ok", 0)], BEGUN)
PARTIAL_STATE = told(
    [*WHOLE, *FAILURES,
     ending("partial", 3, files=Counts(22_074, 9_120, 0, 3, 18_960), failures=FAILURES,
            warnings=("owner and group could not be kept on btrfs",),
            notes=("2 sockets were left out",))],
    BEGUN,
)  # fmt: skip
MIRRORED_STATE = told(
    [PLAN, *beats(8.0), MirrorFinished(12, 0),
     ending("ok", 0, command="mirror", source=b"/home/you/Documents",
            destination=b"/mnt/backup/Documents", files=Counts(812, 4_100, 12, 0, 0),
            bytes=ByteCounts(1_200 * MB), seconds=Seconds(8.0, 0.4, 0.1), forecast_s=7.5,
            methods={"kernel": 812})],
    told(opening(DOCUMENTS, b"/mnt/backup/Documents")),
)  # fmt: skip
INTERRUPTED_STATE = told(
    [PLAN, *beats(32.0), *batches(),
     ending("interrupted", 130, files=Counts(18_412, 9_120, 0, 0, 9_000),
            bytes=ByteCounts(12_400 * MB), seconds=Seconds(32.0, 1.3, 0.2), forecast_s=None,
            message="stopped; the same command goes on where this one ended")],
    BEGUN,
)  # fmt: skip
REFUSED_STATE = told(
    [ending("refused", 4, command="mirror", files=Counts(), bytes=ByteCounts(),
            seconds=Seconds(1.0), forecast_s=None, methods={},
            message="the source is empty and the destination is not: --allow-empty-source says "
            "that it is meant")],
    told(opening(MUSIC, b"/mnt/backup/Music")),
)  # fmt: skip
NOTHING_STATE = told(
    [PlanFinished(0, 0, 31_197, 1_204, 0, 1.1),
     ending("ok", 0, files=Counts(unchanged=31_197), bytes=ByteCounts(), seconds=Seconds(1.2, 1.1),
            forecast_s=None, methods={})],
    BEGUN,
)  # fmt: skip


def entry(id: int, job: Job, state: TransferState, stage: str = RUNNING, **fields: Any) -> Entry:
    usual: dict[str, Any] = {"added_at": AT, "ended_at": AT + 60 if stage == ENDED else 0.0}
    return Entry(id, job, state, stage, **(usual | fields))


REST = (
    entry(2, MUSIC, TransferState(), WAITING, why="after #1: same disks"),
    entry(3, VM, TransferState(), WAITING),
    entry(4, DOCUMENTS, MIRRORED_STATE, ENDED),
)


def lists(first: Entry) -> tuple[Entry, ...]:
    return (first, *REST)


def many_problems(count: int = 100_000) -> TransferState:
    """That many failures have happened; the state names the newest of them."""
    folder = b"2016/deep/"
    last = tuple(
        Failed(folder + b"%d.jpg" % n, "read", 5, "Input/output error") for n in range(1_000)
    )
    return RUNNING_STATE._replace(
        failures=count, problems=last, last_failure=last[-1], recent=last[-60:]
    )


def hostile_state() -> TransferState:
    """Names that attack the terminal, in every place that shows a name."""
    changes = tuple(Change("new", name, "kernel", 7) for name in HOSTILE)
    failed = tuple(Failed(name, "read", 5, os.fsdecode(name)) for name in HOSTILE)
    workers = tuple(
        Activity(n, "copy", b"/mnt/" + name, 0, 0, n + 1, "copy", 1, 2, 3, 7)
        for n, name in enumerate(HOSTILE)
    )
    story = [
        RunStarted("copy", (HOSTILE[0],), HOSTILE[1], ((HOSTILE[0], HOSTILE[1]),), False, AT),
        RouteChosen("streaming", os.fsdecode(HOSTILE[0]), 1.0, 4, ("ext4", "ext4")),
        PLAN,
        *beats(9.0, workers=workers),
        *[BatchFinished(n, 0, "copy", 1, 7, 0.1, (change,)) for n, change in enumerate(changes)],
        *failed,
    ]
    return told(story)


# name → what the queue holds, the interesting one first
STORIES: dict[str, tuple[Entry, ...]] = {
    "empty": (),
    "starting": (entry(1, PHOTOS, TransferState()),),
    "counting": lists(entry(1, PHOTOS, COUNTING))[:2],
    "running": lists(entry(1, PHOTOS, RUNNING_STATE)),
    "alone": (entry(1, PHOTOS, RUNNING_STATE),),
    "waiting": (entry(1, MUSIC, TransferState(), WAITING, why="after #7: same disks"), *REST[1:]),
    "parked": (entry(1, MUSIC, TransferState(), PARKED, why="left over from earlier"),),
    "paused": lists(entry(1, PHOTOS, PAUSED_STATE, paused=True)),
    "stopping": lists(entry(1, PHOTOS, RUNNING_STATE, stopping=True)),
    "silent": lists(entry(1, PHOTOS, SILENT_STATE)),
    "stalled": (entry(1, PHOTOS, STALLED_STATE, ENDED),),
    "asking": lists(entry(1, MUSIC, ASKING_STATE)),
    "asked-early": (entry(1, MUSIC, ASKED_EARLY_STATE),),
    "deleting": (entry(1, MUSIC, DELETING_STATE),),
    "flushing": (entry(1, PHOTOS, FLUSHING_STATE),),
    "done": (entry(1, PHOTOS, DONE_STATE, ENDED),),
    "partial": (entry(1, PHOTOS, PARTIAL_STATE, ENDED),),
    "interrupted": (entry(1, PHOTOS, INTERRUPTED_STATE, ENDED),),
    "refused": (entry(1, MUSIC, REFUSED_STATE, ENDED),),
    "nothing-to-do": (entry(1, PHOTOS, NOTHING_STATE, ENDED),),
    "never-began": (entry(1, VM, TransferState(), ENDED, why="/home/you/vm does not exist"),),
    "hostile": (entry(1, Job("copy", (b"/home/" + HOSTILE[0],), b"/mnt/" + HOSTILE[2]),
                      hostile_state()),),
}  # fmt: skip
