"""`blit trash`: what runs with --trash have kept is listed, brought back, or deleted for good."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from blit import show
from blit.engine.pulse import LOOK, STALL, Pulse
from blit.engine.workers import Pool, WorkerDied
from blit.errors import EXIT_CODES
from blit.worker import wire

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_SILENCE = STALL  # seconds without a sign of life after which a disk is given up


class _Silent(Exception):
    """The disk does not answer; the text names the path."""


def add(commands: Any, count: Callable[[str], int]) -> None:
    """Its arguments, beside those of the other commands."""
    trash = commands.add_parser(
        "trash", help="what --trash has kept: list, restore, purge", allow_abbrev=False,
        description="What copy and mirror with --trash have deleted or replaced in DST: list "
        "names the runs; restore brings back all of a RUN or these PATHs, over nothing; purge "
        "deletes for good what RUN, --older or --all name.",
    )  # fmt: skip
    add = trash.add_argument
    add("what", choices=["list", "restore", "purge"], help="what to do with it")
    add("trash_of", metavar="DST", help="the destination that was given to copy or mirror")
    add("words", nargs="*", metavar="RUN", help="as `list` names it, its beginning, or last; PATHs")
    add("-v", "--verbose", action="store_true", help="list: name every file")
    add("--json", action="store_true", help="one JSON object a line")
    add("--replace", action="store_true", help="restore: what stands there goes to the trash")
    add("--older", type=count, metavar="DAYS", help="purge: runs that are older than this")
    add("--all", action="store_true", help="purge: all runs")
    add("-y", "--yes", action="store_true", help="purge: without asking")


def run(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """An exit code of the table in errors.py; what went wrong stands on `err`."""
    verb = options.what
    if (wrong := _wrong(options)) or not options.trash_of:
        return _complain(err, wrong or "DST is empty", "usage")
    try:
        root = os.path.join(os.getcwd(), options.trash_of)
    except OSError:
        root = options.trash_of
        if not root.startswith("/"):
            return _complain(err, "the current folder does not exist any more", "usage")
    root = root.rstrip("/") or "/"
    runs = options.words[:1] if verb == "restore" else options.words
    task = {
        "op": "trash", "verb": verb, "root": _wire(root), "runs": [_wire(word) for word in runs],
        "paths": [_wire(word) for word in options.words[1:]] if verb == "restore" else [],
        "replace": options.replace, "older": (options.older or 0) * 86400,
    }  # fmt: skip
    try:
        pool = Pool(1)
    except OSError as error:
        return _complain(err, f"cannot start a worker process: {error.strerror}", "failed")
    try:
        return _Session(pool, options, out, err).do(task)
    except _Silent as silent:
        return _complain(err, str(silent), "stalled")
    except WorkerDied:
        return _complain(err, "the worker process died over it: run it again", "failed")
    finally:
        pool.kill()
        pool.close()


def _wrong(options: argparse.Namespace) -> str:
    """What cannot be meant; empty when all is well."""
    verb, words = options.what, options.words
    if any("\0" in word for word in (options.trash_of, *words)):
        return "a path contains a NUL byte"
    if verb == "restore" and not words:
        return "say which RUN is to be restored: `blit trash list DST` names them, `last` is one"
    if verb == "purge" and not (words or options.older is not None or options.all):
        return "say what is to be deleted: RUN..., --older DAYS, or --all"
    if verb == "purge" and words and options.all:
        return "RUN and --all contradict each other: leave out one"
    for name, given, of in (
        ("--replace", options.replace, "restore"), ("--all", options.all, "purge"),
        ("--older", options.older is not None, "purge"), ("--yes", options.yes, "purge"),
    ):  # fmt: skip
        if given and verb != of:
            return f"{name} is for {of} alone"
    return ""


def _wire(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def _complain(err: IO[str], text: str, outcome: str) -> int:
    err.write(f"blit: {show.text(text)}\n")
    return EXIT_CODES[outcome]


class _Session:
    """One command: asks the worker step by step, and tells what it says."""

    def __init__(self, pool: Pool, options: argparse.Namespace, out: IO[str], err: IO[str]) -> None:
        self.pool, self.options, self.out, self.err = pool, options, out, err
        self.root = ""
        self.failed = 0
        self.trouble: tuple[str, str] | None = None

    def do(self, task: dict[str, Any]) -> int:
        self.root = task["root"]
        if task["verb"] == "list":
            self._list(task)
            return self._end("list", 0, 0)
        if task["verb"] == "purge":
            runs, files, size = self._count({**task, "verb": "list"})
            if self.trouble is None and not runs:
                self.trouble = ("none", "nothing there is that old: nothing was deleted")
            if self.trouble is not None or not (self.options.yes or self._sure(runs, files, size)):
                return self._end("purge", 0, 0)
        else:
            stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
            words = f"blit trash restore --replace {task['root']} {' '.join(task['runs'])}"
            self.pool.told.words["said"] = (f"{stamp}-{os.urandom(2).hex()}", words)
        done = size = 0
        for answer in self._answers(task):
            done, size = done + answer["done"], size + answer["bytes"]
        return self._end(task["verb"], done, size)

    # -- the worker --------------------------------------------------------------------------------

    def _answers(self, task: dict[str, Any]) -> Iterator[dict[str, Any]]:
        more = True
        while more:
            answer = self._ask(task)
            if "defect" in answer:
                last = answer["defect"].strip().splitlines()[-1]
                self.trouble = ("failed", f"internal error ({last}), please report it")
                return
            if "trouble" in answer:
                self.trouble = answer["trouble"]
                return
            for path, step, code, text in answer["failures"]:
                self._failure(path, step, code, text)
            yield answer
            more, task = answer["more"], {"op": "trash"}

    def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Raises _Silent, WorkerDied."""
        worker = self.pool.workers[0]
        self.pool.post_all(worker, task)
        pulse = Pulse(time.monotonic(), _SILENCE)
        while not wire.ready(worker.answers, LOOK):
            pulse.look(time.monotonic(), worker.view.counters()[0], False, False)
            if pulse.stalled:
                operation, path, _, _ = worker.view.activity()
                doing = f": {operation}" if path else ""  # none: it has not even begun
                where = os.fsdecode(path) if path else self.root
                raise _Silent(
                    f"{where}{doing}: no answer for {_SILENCE:.0f} s: is the disk still there?"
                )
        answer = self.pool.answer_now(worker)
        if answer is None:
            raise WorkerDied
        return answer

    def _failure(self, path: bytes, step: str, code: int, text: str) -> None:
        self.failed += 1
        if self.options.json:
            failure = {"path": _text(path), "step": step, "errno": code, "message": text}
            self._line({"type": "trash_failed", **failure})
        else:
            self.err.write(f"blit: {show.path(path)}: {step}: {show.text(text)}\n")

    # -- list --------------------------------------------------------------------------------------

    def _list(self, task: dict[str, Any]) -> None:
        run: tuple[str, float, str] | None = None
        files = size = 0
        paths: list[str] = []
        for answer in self._answers(task):
            for kind, *rest in answer["found"]:
                if kind == "run":
                    self._tell(run, files, size, paths)
                    run, files, size, paths = (rest[0], rest[1], rest[2]), 0, 0, []
                    continue
                files, size = files + (kind == "file"), size + rest[1]
                if self.options.json and run is not None:
                    entry = {"run": run[0], "kind": kind, "path": _text(rest[0]), "bytes": rest[1]}
                    self._line({"type": "trash_entry", **entry})
                elif self.options.verbose:
                    paths.append(show.path(rest[0]) + ("/" if kind == "folder" else ""))
        self._tell(run, files, size, paths)

    def _tell(
        self, run: tuple[str, float, str] | None, files: int, size: int, paths: list[str]
    ) -> None:
        if run is None:
            return
        name, when, command = run
        if self.options.json:
            facts = {"run": name, "when": when, "command": command, "files": files, "bytes": size}
            self._line({"type": "trash_run", **facts})
            return
        clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(when)) if when else "?"
        what = f"{show.count(files, 'file'):>12}  {show.size(size):>8}"
        self.out.write(f"{show.text(name)}  {clock}  {what}  {show.text(command)}\n")
        for path in sorted(paths):
            self.out.write(f"    {path}\n")

    # -- purge -------------------------------------------------------------------------------------

    def _count(self, task: dict[str, Any]) -> tuple[int, int, int]:
        runs = files = size = 0
        for answer in self._answers(task):
            for kind, *rest in answer["found"]:
                runs += kind == "run"
                files += kind == "file"
                size += rest[1] if kind == "file" else 0
        return runs, files, size

    def _sure(self, runs: int, files: int, size: int) -> bool:
        what = f"{show.count(runs, 'run')} ({show.count(files, 'file')}, {show.size(size)})"
        try:
            there = sys.stdin.isatty() and self.err.isatty() and not self.options.json
        except (AttributeError, ValueError):
            there = False
        if not there or os.environ.get("CI"):
            text = f"nothing was deleted: {what} would go; say --yes where nobody can be asked"
            self.trouble = ("refused", text)
            return False
        self.err.write(f"Delete {what} from the trash for good? [y/N] ")
        self.err.flush()
        line = sys.stdin.readline()
        if line.strip().lower() in ("y", "yes"):
            return True
        self.trouble = ("refused", "nothing was deleted, as you answered")
        return False

    # -- the end -----------------------------------------------------------------------------------

    def _end(self, verb: str, done: int, size: int) -> int:
        outcome, message = self.trouble or ("partial" if self.failed else "ok", "")
        if outcome == "none":  # nothing is there: that is what listing and purging want to know
            outcome = "failed" if verb == "restore" else "ok"
        code = EXIT_CODES[outcome]
        if self.options.json:
            end = {"verb": verb, "outcome": outcome, "exit_code": code, "message": message}
            self._line({"type": "trash_summary", **end, "entries": done, "bytes": size})
            return code
        if message:
            (self.err if code else self.out).write(f"blit: {show.text(message)}\n")
        elif verb != "list":
            did = "restored" if verb == "restore" else "deleted for good:"
            what = show.count(done, "entry", "entries")
            self.out.write(f"{did} {what}, {show.size(size)}\n" if done else f"{did} nothing\n")
        return code

    def _line(self, value: dict[str, Any]) -> None:
        import json

        self.out.write(json.dumps(value) + "\n")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
