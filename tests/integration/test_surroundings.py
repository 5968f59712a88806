"""Odd surroundings: no home, closed outputs, few handles, little memory, no /proc, foreign modules."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Blit, inject, mounted, requires_mounts, requires_strace, requires_tool, until
from trees import File, Folder, Tree, assert_same, make, temporaries

from blit.engine.workers import Pool

TREE: Tree = {
    **{f"d{k}": {f"f{n}": b"%d %d" % (k, n) for n in range(3)} for k in range(30)},
    "large": File(size=3_000_000), "é\n": b"odd", b"\xff": b"bytes",
}  # fmt: skip


@pytest.mark.parametrize("home", ["none", "missing", "a device", "a file", "full", "read-only"])
def test_no_place_for_settings_is_no_reason_not_to_copy(blit: Blit, ram: Path, home: str) -> None:
    make(ram / "src", TREE)
    (ram / "file").write_bytes(b"mine")
    env = {"BLIT_CONFIG_DIR": ""}
    env |= {"HOME": {"missing": "/nowhere/at/all", "a device": "/dev/null"}.get(home, "/")}
    if home == "a file":
        env = {"BLIT_CONFIG_DIR": str(ram / "file")}
    if home in ("full", "read-only"):
        requires_mounts()
        options = "size=4k" if home == "full" else "ro"
        with mounted(ram / "config", "-t", "tmpfs", "-o", options, "tmpfs") as config:
            if home == "full":
                (config / "filler").write_bytes(b"x" * 4096)
            result = blit("copy", f"{ram}/src/", ram / "dst", env={"BLIT_CONFIG_DIR": str(config)})
    else:
        prefix = ("env", "-u", "HOME", "-u", "BLIT_CONFIG_DIR") if home == "none" else ()
        if home == "none":
            prefix += ("XDG_CONFIG_HOME=" + str(ram / "xdg"),)
        result = blit("copy", f"{ram}/src/", ram / "dst", env=env, prefix=prefix)
    assert result.err == b""
    assert_same(ram / "src", ram / "dst")
    assert (ram / "file").read_bytes() == b"mine"


CLOSED = [c for n in range(1, 4) for c in itertools.combinations((0, 1, 2), n)]


@pytest.mark.parametrize(
    ("closed", "option"), [(c, ("-v", "--json")[n % 2]) for n, c in enumerate(CLOSED)], ids=str
)
def test_no_file_of_the_user_becomes_standard_output(
    blit: Blit, ram: Path, closed: tuple[int, ...], option: str
) -> None:
    """Whatever is opened first gets a closed descriptor's number, and what is printed after that."""
    make(ram / "src", TREE)
    make(ram / "dst", {"d1": {"f1": b"older"}, "large": b"older"})

    def close() -> None:
        for fd in closed:
            os.close(fd)

    words = blit.command("mirror", "-y", option, f"{ram}/src/", ram / "dst")
    pipes = {
        name: subprocess.PIPE for fd, name in ((1, "stdout"), (2, "stderr")) if fd not in closed
    }
    done = subprocess.run(
        words, env=blit.environment, timeout=60, check=False, preexec_fn=close, **pipes
    )  # type: ignore[call-overload]
    assert done.returncode == 0
    assert_same(ram / "src", ram / "dst")
    assert not temporaries(ram / "dst")
    if option == "--json" and 1 not in closed:
        assert json.loads(done.stdout.splitlines()[-1])["outcome"] == "ok"


@pytest.mark.parametrize(("full", "code"), [("stdout", 1), ("stderr", 0)])
@pytest.mark.parametrize("option", ["-v", "--json"])
def test_only_results_that_are_lost_are_a_failure(
    blit: Blit, ram: Path, full: str, code: int, option: str
) -> None:
    """With progress counted as a result the second fails, and says so of standard output."""
    make(ram / "src", TREE)
    words = blit.command("copy", option, f"{ram}/src/", ram / "dst")
    with open("/dev/full", "wb") as nowhere:
        outputs: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        done = subprocess.run(
            words, env=blit.environment, timeout=60, check=False, **outputs | {full: nowhere}
        )
    assert done.returncode == code
    assert_same(ram / "src", ram / "dst")


FOREIGN = ("json", "os", "re", "typing", "struct", "marshal", "socket", "anyio", "stat", "blit")


@pytest.mark.parametrize("way", ["PYTHONPATH", "-m", "PYTHONSTARTUP"])
def test_foreign_modules_are_not_imported(blit: Blit, ram: Path, way: str) -> None:
    """Without `own_library_first` the first two end with what the foreign json.py says."""
    make(ram / "src", TREE)
    (ram / "cwd").mkdir()
    for name in FOREIGN:
        if not (name == "blit" and way == "-m"):
            (ram / "cwd" / f"{name}.py").write_text("raise Exception('a foreign module')\n")
    env = dict(blit.environment)
    if way == "-m":  # as `python -m blit` does: the current folder comes first
        house = Path(__file__).parent.parent.parent
        env["PYTHONPATH"] = str(house)
        start = f"import sys; sys.path.insert(0, {str(ram / 'cwd')!r}); sys.path.insert(1, {str(house)!r})"
    else:
        env[way] = str(ram / "cwd" if way == "PYTHONPATH" else ram / "cwd/json.py")
        start = "import sys"
    # the installed script: its folder comes first, and the current one is not looked into
    start += "; from blit.cli import main; main()"
    words = (
        [sys.executable, "-c", start]
        if way == "-m"
        else [
            _script(ram),
        ]
    )
    for command in (("copy",), ("mirror", "-y", "--exclude", "nothing")):
        done = subprocess.run(
            [*words, *command, "--no-tui", f"{ram}/src/", ram / "dst"],
            env=env, cwd=ram / "cwd", capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        assert_same(ram / "src", ram / "dst")


def _script(ram: Path) -> Path:
    """What an installer writes."""
    path = ram / "bin/blit"
    path.parent.mkdir(exist_ok=True)
    house = Path(__file__).parent.parent.parent
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(house)!r})\n"
        "from blit.cli import main\nsys.exit(main())\n"
    )
    path.chmod(0o755)
    return path


SURROUNDINGS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no TERM": ({}, ("env", "-u", "TERM")),
    "LC_ALL=C": ({"LC_ALL": "C"}, ()),
    "no locale at all": ({}, ("env", "-u", "LC_ALL", "-u", "LANG", "-u", "LC_CTYPE")),
    "an unknown locale": ({"LC_ALL": "xx_YY.none"}, ()),
    "ASCII for output": ({"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}, ()),
    "no TMPDIR": ({"TMPDIR": "/nowhere/at/all"}, ()),
    "no terminal to speak of": ({}, ("setsid", "-w")),
    "a full TMPDIR": ({}, ()),
    "no /proc": ({}, ("unshare", "-m", "sh", "-c", 'mount -t tmpfs x /proc && exec "$@"', "sh")),
    "no /sys": ({}, ("unshare", "-m", "sh", "-c", 'mount -t tmpfs x /sys && exec "$@"', "sh")),
}


@pytest.mark.parametrize("odd", SURROUNDINGS)
def test_odd_surroundings(blit: Blit, ram: Path, odd: str) -> None:
    env, prefix = SURROUNDINGS[odd]
    if "unshare" in prefix or odd == "a full TMPDIR":
        requires_mounts()
    make(ram / "src", TREE)
    make(ram / "dst", {"extra": b"e", "d1": {"gone": b"g"}})
    if odd == "a full TMPDIR":
        with mounted(ram / "full", "-t", "tmpfs", "-o", "size=4k", "tmpfs") as full:
            (full / "filler").write_bytes(b"x" * 4096)
            result = blit(
                "mirror", "-y", "-v", f"{ram}/src/", ram / "dst", env={"TMPDIR": str(full)}
            )
    else:
        result = blit("mirror", "-y", "-v", f"{ram}/src/", ram / "dst", env=env, prefix=prefix)
    assert_same(ram / "src", ram / "dst")
    assert ("delete", "d1/gone") in result.changes


LIMITS: dict[str, list[tuple[int, int]]] = {
    "40 open files": [(resource.RLIMIT_NOFILE, 40)],
    "600 MB of memory": [(resource.RLIMIT_AS, 600 << 20)],
}


@pytest.mark.parametrize("limits", LIMITS)
def test_limits(blit: Blit, ram: Path, limits: str) -> None:
    deep: Folder = Folder({"leaf": b"l"})
    for n in range(120):
        deep = Folder({f"level{n}": deep, "f": b"x"})
    make(ram / "src", {**TREE, "deep": deep, "more": {f"d{k}": {"f": b"x"} for k in range(120)}})

    def limit() -> None:
        for what, value in LIMITS[limits]:
            resource.setrlimit(what, (value, value))

    def run(*options: str) -> set[tuple[str, str]]:
        return blit(
            "mirror", "-y", "-v", *options, f"{ram}/src/", ram / "dst", preexec=limit
        ).changes

    run()
    assert_same(ram / "src", ram / "dst")
    assert run("--checksum") == set()
    make(ram / "empty", {"one": b"1"})
    blit("mirror", "-y", "--max-delete=9999", f"{ram}/empty/", ram / "dst", preexec=limit)
    assert_same(ram / "empty", ram / "dst")


MANY_OPEN = """
import os, sys
null = os.open(os.devnull, os.O_RDONLY)
for _ in range(1100):
    os.set_inheritable(os.dup(null), True)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
IN_A_PROGRAM = "import blit, sys; blit.copy(*sys.argv[1:])"


@pytest.mark.parametrize("what", ["copy", "with a log", "dump", "in a program"])
def test_a_thousand_files_that_the_program_has_open(blit: Blit, ram: Path, what: str) -> None:
    """With `select` instead of `poll` in wire.py or feeding.py this is an internal error."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2048:
        pytest.skip("fewer open files are allowed here")
    make(ram / "src", TREE)
    verb = ["-m", "blit", "copy", "--no-tui"]
    words = {
        "copy": verb, "with a log": [*verb, "--log-file", str(ram / "log")],
        "dump": ["-m", "blit", "diagnostics", "dump"], "in a program": ["-c", IN_A_PROGRAM],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", MANY_OPEN, *words[what], f"{ram}/src/", ram / "dst"],
        env=blit.environment, capture_output=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048)),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    if what != "dump":
        assert_same(ram / "src", ram / "dst")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_fewer_workers_where_no_more_can_be_started(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Without the second half of `Pool.__init__` a user who may start no more copies nothing.

    Root is under no limit of processes, so that the limit is played.
    """
    real, started = os.posix_spawn, []

    def spawn(*words: Any, **options: Any) -> int:
        if len(started) >= most:
            raise BlockingIOError(errno.EAGAIN, "no more processes")
        started.append(real(*words, **options))
        return started[-1]

    monkeypatch.setattr(os, "posix_spawn", spawn)
    pool = Pool(4)
    try:
        assert len(started) == most
        assert len(pool.workers) == (most + 1) // 2  # threads need room too
    finally:
        pool.close()
        until(pool.reap, "the workers' end")
    started.clear()
    most = 0
    with pytest.raises(BlockingIOError):
        Pool(4)


def test_a_folder_that_is_gone(blit: Blit, ram: Path) -> None:
    make(ram / "src", TREE)
    script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    prefix = ("sh", "-c", script, "sh", str(ram / "gone"))
    blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix)
    assert_same(ram / "src", ram / "dst")
    result = blit("copy", "src/", ram / "dst2", code=2, prefix=prefix)
    assert len(result.errors) == 1 and "absolute" in result.errors[0]


@pytest.mark.parametrize(("umask", "made"), [(0o077, 0o700), (0, 0o777), (0o027, 0o750)])
def test_the_umask_is_for_what_has_no_source(blit: Blit, ram: Path, umask: int, made: int) -> None:
    make(ram / "src", TREE)
    blit("copy", f"{ram}/src/", ram / "deep/er", preexec=lambda: (os.umask(umask), None)[1])
    assert_same(ram / "src", ram / "deep/er")
    assert (ram / "deep").stat().st_mode & 0o777 == made


def test_other_times(blit: Blit, ram: Path) -> None:
    """A clock of 2039, and files of before 1970 and of after 2106."""
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
    years = {f"f{n}": File(b"x", mtime=n * 10**18 + 123_456_789) for n in range(-2, 9)}
    make(ram / "src", {**TREE, "years": years})
    env = {}
    if os.path.exists(library):
        env = {"LD_PRELOAD": library, "FAKETIME": "@2039-01-01 00:00:00", "NO_FAKE_STAT": "1"}
    blit("mirror", "-y", f"{ram}/src/", ram / "dst", env=env)
    assert_same(ram / "src", ram / "dst")
    assert blit("mirror", "-y", "-v", f"{ram}/src/", ram / "dst").changes == set()
    if not env:
        pytest.skip("libfaketime is not installed: only the files' times were odd")


def test_eight_runs_at_once_leave_eight_lines_of_history(blit: Blit, ram: Path) -> None:
    make(ram / "src", TREE)
    runs = [blit.start("copy", f"{ram}/src/", ram / f"dst{n}") for n in range(8)]
    assert [blit.finish(run).code for run in runs] == [0] * 8
    history = Path(blit.environment["BLIT_CONFIG_DIR"]) / "perf_local.jsonl"
    lines = [json.loads(line) for line in history.read_bytes().splitlines()]
    assert len(lines) == 8
    assert len(json.loads(blit("diagnostics", "perf", "--json").out)["runs"]) == 8


def test_thousands_of_arguments(blit: Blit, ram: Path) -> None:
    """Listed one by one, each with its folder, 6,000 stand still for 10 s before the first byte."""
    (ram / "src").mkdir()
    names = [f"f{n}" for n in range(6_000)]
    for name in names:
        (ram / "src" / name).touch()
    assert (
        blit.json("copy", *names, f"{ram}/dst/", cwd=ram / "src").summary["files"]["copied"]
        == 6_000
    )
    assert sorted(os.listdir(ram / "dst")) == sorted(names)
    again = blit.json("copy", *names, f"{ram}/dst/", cwd=ram / "src").summary["files"]
    assert again["copied"] == 0 and again["unchanged"] == 6_000


def test_nohup_goes_on_when_the_terminal_goes(blit: Blit, ram: Path) -> None:
    requires_strace()
    requires_tool("nohup")
    make(ram / "src", {f"f{n}": b"x" for n in range(40)})
    slow = inject("f7", "openat", "delay_enter=1500000")
    process = blit.start("copy", f"{ram}/src/", ram / "dst", prefix=[*slow, "nohup"])
    until(lambda: (ram / "dst").exists() and any((ram / "dst").iterdir()), "the first file")
    os.killpg(process.pid, signal.SIGHUP)
    assert blit.finish(process).code == 0
    assert_same(ram / "src", ram / "dst")
