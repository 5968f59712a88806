"""The same workers on the nodes of a Dask cluster, over a filesystem that all of them mount."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    from blit.job import Job
    from blit.logfile import Log


def run(
    job: Job,
    options: argparse.Namespace,
    log: Log | None,
    screen: bool,
    signals: list[int],
    headless: Callable[..., Any],
) -> int:
    """What `cli.transfer` does when there is `--cluster`: nothing early, and no history."""
    from blit import console
    from blit.cluster.link import Unusable
    from blit.cluster.pool import ClusterPool

    options.no_history = True  # what is learned about this machine is not true of others
    try:
        pool = ClusterPool(job.cluster, job.workers)
    except Unusable as error:
        console.complain(str(error))
        return 1
    try:
        if screen:
            from blit import session

            began, streams = console.process_started(), console.streams()
            return session.transfer(job, pool, None, options, began, signals, streams, log)
        code: int = headless(job, pool, options, None, log).exit_code
        return code
    finally:
        pool.close()
