"""blit: a local transfer manager that is fast, safe and a joy to watch."""

# Worker processes import this package too: nothing heavy may stand here (see worker/__init__.py).
# The names of docs/api.md are looked up when they are first used.
__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.api import Run as Run
    from blit.api import TransferError as TransferError
    from blit.api import copy as copy
    from blit.api import make_job as make_job
    from blit.api import mirror as mirror
    from blit.api import transfer as transfer
    from blit.errors import BlitError as BlitError
    from blit.events import Activity as Activity
    from blit.events import BatchFinished as BatchFinished
    from blit.events import BatchPlanned as BatchPlanned
    from blit.events import BatchStarted as BatchStarted
    from blit.events import ByteCounts as ByteCounts
    from blit.events import Change as Change
    from blit.events import Counts as Counts
    from blit.events import DeletionPlanned as DeletionPlanned
    from blit.events import Event as Event
    from blit.events import Failed as Failed
    from blit.events import Flushing as Flushing
    from blit.events import Heartbeat as Heartbeat
    from blit.events import MirrorFinished as MirrorFinished
    from blit.events import Paused as Paused
    from blit.events import PlanFinished as PlanFinished
    from blit.events import Resumed as Resumed
    from blit.events import RouteChosen as RouteChosen
    from blit.events import RunFinished as RunFinished
    from blit.events import RunStarted as RunStarted
    from blit.events import Seconds as Seconds
    from blit.events import Stalled as Stalled
    from blit.events import Summary as Summary
    from blit.job import Job as Job

_HOMES = {
    "api": "Run TransferError copy make_job mirror transfer",
    "errors": "BlitError",
    "events": "Activity BatchFinished BatchPlanned BatchStarted ByteCounts Change Counts "
    "DeletionPlanned Event Failed Flushing Heartbeat MirrorFinished Paused PlanFinished Resumed "
    "RouteChosen RunFinished RunStarted Seconds Stalled Summary",
    "job": "Job",
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names.split():
            import importlib

            return getattr(importlib.import_module("blit." + home), name)
    raise AttributeError(f"module 'blit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *" ".join(_HOMES.values()).split()])
