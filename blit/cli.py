"""`blit` on the command line: arguments → Job, the face, the exit code; alone knows every part."""

from __future__ import annotations

import gc
import os
import sys

from blit import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from blit.engine.control import Control
    from blit.engine.probing import Early
    from blit.engine.workers import Pool
    from blit.events import Summary
    from blit.job import Job
    from blit.logfile import Log

TRANSFERS = ("copy", "mirror", "move", "check")  # as in job.py, which comes after the workers
LUDICROUS = (
    "blit: --ludicrous-speed does nothing (blit is always as fast as it can be) and will be removed"
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run and leave with an exit code of the table in errors.py. No traceback reaches the user."""
    console.own_library_first()
    argv = list(sys.argv[1:] if arguments is None else arguments)
    code = 1
    try:
        code = run(argv)
    except KeyboardInterrupt:
        code = 130
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BrokenPipeError:
        code = 0
    except BaseException as error:
        if os.environ.get("BLIT_DEBUG"):
            raise
        while isinstance(error, BaseExceptionGroup):  # a task group wraps what was raised in it
            error = error.exceptions[0]
        console.complain(
            console.words(error)
            or f"internal error ({type(error).__name__}: {error}); "
            "BLIT_DEBUG=1 shows where, please report it"
        )
    console.leave(code)


def run(argv: list[str]) -> int:
    if argv and argv[0] in TRANSFERS and not {"-h", "--help"} & set(argv):
        return transfer(argv)
    if not argv and not console.no_screen():
        return _manage()
    if argv == ["--version"]:  # in 0.03 s less than with the parser
        console.stream(1).write(console.version() + "\n")
        return 0
    from blit import arguments

    if not argv:
        sys.stderr.write(arguments.parser().format_help())
        return 2
    options = arguments.parser().parse_args(argv)
    if options.command == "replay":
        return _replay(options)
    if options.command == "history" and not (options.json or options.no_tui or console.no_screen()):
        return _manage(history=True)
    code: int = arguments.module(options.command).run(options, *console.streams())
    return code


def _manage(history: bool = False) -> int:
    from blit import lean

    lean.lighten(screen=True)
    from blit import session

    _catch_signals()
    return session.manage(_workers([]), _early_signals, console.streams(), history)


def transfer(argv: list[str]) -> int:
    """Copy, mirror, move or check. The workers boot while this process still imports and parses."""
    gc.disable()  # what is imported stays; the engine, or the screen, turns it on again
    from blit.engine.workers import Pool

    _catch_signals()
    pool: Pool | None = None
    try:
        if not any(word.startswith("--cluster") for word in argv):
            pool = Pool(_workers(argv))
    except OSError as error:
        console.complain(f"cannot start a worker process with {sys.executable}: {error.strerror}")
        return 1
    from blit import flags, request

    try:
        options = flags.options(argv)
        job = request.job(options)
        log = _log(options, job) if options.log_file is not None else None
    except SystemExit as end:
        if "--json" in argv and end.code in (0, 2):
            _usage_summary(argv, end.code)
        raise
    screen = _wants_screen(options)
    if screen and job.mirror and not job.yes:
        job = job._replace(review=True)
    if options.ludicrous_speed:
        console.complain(LUDICROUS, prefix=False)
    if pool is None:
        from blit import cluster

        return cluster.run(job, options, log, screen, _early_signals, _headless)
    from blit.engine import probing

    early = probing.start(pool, job, lambda: _routes(not options.no_history))
    probing.go_on(early, _early_signals)
    from blit import lean

    lean.lighten(screen)
    if screen:
        from blit import session

        ends = console.process_started(), _early_signals, console.streams()
        return session.transfer(job, pool, early, options, *ends, log)
    summary = _headless(job, pool, options, early, log)
    if summary.outcome in ("stalled", "interrupted"):
        pool.kill()
    return summary.exit_code


def _routes(enabled: bool) -> Any:
    from blit.history import routes

    return routes.read(enabled)


def _log(options: argparse.Namespace, job: Job) -> Log:
    """Before anything is written: a log that cannot be is a wrong argument."""
    from blit import logfile

    try:
        if logfile.inside(options.log_file, job):
            text = f"--log-file {options.log_file} lies in what is copied: put it elsewhere"
            raise logfile.Unwritable(text)
        return logfile.Log(options.log_file)
    except logfile.Unwritable as error:
        console.complain(str(error))
        raise SystemExit(2) from None


def _wants_screen(options: argparse.Namespace) -> bool:
    """Where a screen can be seen, and nobody asked for lines: those of -v and -n are lines."""
    if options.no_tui or options.json or options.quiet:
        return False
    why = console.no_screen(ci=not options.tui)
    if why and options.tui:
        console.complain(f"no screen: {why}")
    return not why and (options.tui or not (options.dry_run or options.verbose))


def _replay(options: argparse.Namespace) -> int:
    """Show a recorded run again, on the screen or as lines."""
    from blit import replay, session, show

    try:
        story = replay.read(options.file)
    except replay.Unreadable as error:
        console.complain(show.text(str(error)))
        return 2
    screen = not options.no_tui and not console.no_screen()
    return session.replay(story, options.speed, screen, console.streams())


def _usage_summary(argv: list[str], code: int) -> None:
    """Scripts read the last line: it is there also when the arguments were wrong, or nothing is to
    be tried again (0)."""
    from blit import headless
    from blit.events import Summary

    summary = Summary("usage", 2, argv[0], b"", b"", None, message="bad arguments, see stderr")
    if not code:
        summary = summary._replace(outcome="ok", exit_code=0, message="nothing to try again")
    headless.Json(console.stream(1)).write(summary)


_early_signals: list[int] = []


def _catch_signals() -> None:
    """Until the engine listens, keep what comes: it must stop the workers, not us alone."""
    from blit.worker.signals import signal

    def keep(number: int, _: object) -> None:
        if number == signal.SIGHUP and number in _early_signals:
            return  # of one hangup tell tmux, the shell and the kernel
        if _early_signals:  # the second one means now
            os._exit(130 if number == signal.SIGINT else 143)
        _early_signals.append(number)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) != signal.SIG_IGN:  # nohup
            signal.signal(each, keep)


def _workers(argv: list[str]) -> int:
    """`--workers N` is for debugging."""
    from blit.engine.workers import usual_count

    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        value = value if equals else following
        if name == "--workers" and value.isdigit():
            return max(1, min(int(value), 64))
    return usual_count()


def _headless(
    job: Job, pool: Pool, options: argparse.Namespace, early: Early | None, log: Log | None
) -> Summary:
    import anyio

    from blit import headless, remember
    from blit.bus import Bus
    from blit.engine.control import Control
    from blit.events import RunFinished
    from blit.history import predictor

    bus, control = Bus(), Control()
    face: headless.Face
    if options.json:
        face = headless.Json(console.stream(1))
    else:
        face = headless.Lines(
            *console.streams(), options.verbose and not options.quiet, options.quiet,
            job.itemize, control.answer,
        )  # fmt: skip
    printer = headless.Printer(bus.subscribe(), face)
    if log is not None:
        log.follow(bus.subscribe())
    learned = predictor.Learned(job, not options.no_history)
    given = (job, pool, bus.publish, control, early, console.process_started(), None, learned)
    summary = anyio.run(_engine, control, given)
    bus.close()
    printer.wait(patient=summary.outcome not in ("stalled", "interrupted"))
    state = face.state if face.state.summary else face.state.after(RunFinished(summary))
    memory = remember.Memory(not options.no_history)
    memory(job, state)
    for again in [] if options.quiet else memory.again:
        console.complain(again)
    if log is not None and (trouble := log.end(summary.exit_code)):
        console.complain(trouble)
        summary = summary._replace(exit_code=summary.exit_code or 1)
    if face.lost:
        console.complain(console.LOST)
        return summary._replace(exit_code=summary.exit_code or 1)
    return summary


async def _engine(control: Control, given: Any) -> Summary:
    import anyio

    from blit.engine.transfer import transfer as engine

    gc.freeze()
    gc.enable()
    async with anyio.create_task_group() as group:
        group.start_soon(_signals, control)
        group.start_soon(console.stay_awake, given[0].command)
        summary = await engine(*given)
        group.cancel_scope.cancel()
    return summary


async def _signals(control: Control) -> None:
    import signal

    import anyio

    wanted = [
        n
        for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(n) != signal.SIG_IGN
    ]
    with anyio.open_signal_receiver(*wanted) as received:
        if _early_signals:
            control.stop(_early_signals[0])
        async for number in received:
            if number != signal.SIGHUP or control.stopped_by != number:
                control.stop(int(number))
