"""Who may know whom, who may touch files, and how long a file may be: the house's own rules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "blit"
MODULES = {
    ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HOUSE.rglob("*.py"))
}

# A module, or a package with all that is in it, and what it may know of blit. The longest name that
# fits counts. `blit` alone is the version.
KNOWS: dict[str, set[str]] = {
    "blit": {"blit.api", "blit.errors", "blit.events", "blit.job"},  # once they are asked for
    "blit.api": {
        "blit.bus", "blit.engine.workers", "blit.errors", "blit.events", "blit.history", "blit.job",
        "blit.running", "blit.sentences", "blit.show",
    },
    "blit.__main__": {"blit.cli"},
    "blit.cli": {"blit"},  # the only place that knows every part: see below
    "blit.amounts": set(),
    "blit.awake": set(),
    "blit.console": {"blit", "blit.awake"},
    "blit.completions": {"blit.arguments"},
    "blit.examples": set(),
    "blit.suggest": set(),
    "blit.request": {"blit.arguments", "blit.failed", "blit.job", "blit.settings", "blit.show"},
    "blit.remember": {"blit.failed", "blit.history", "blit.job", "blit.state"},
    "blit.failed": {"blit.events", "blit.job", "blit.settings"},
    "blit.config": {"blit.settings", "blit.show"},
    "blit.arguments": {  # and the modules of its VERBS, by name
        "blit.amounts", "blit.console", "blit.examples", "blit.job", "blit.retrying", "blit.show", "blit.suggest",
    },
    "blit.retrying": set(),
    "blit.cluster": {  # `run`: what cli does with it
        "blit.cluster.link", "blit.cluster.pool", "blit.console", "blit.job", "blit.logfile", "blit.session",
    },
    "blit.cluster.pool": {"blit.cluster", "blit.engine.workers", "blit.worker.status", "blit.worker.wire"},
    "blit.cluster.link": {"blit", "blit.cluster", "blit.engine.workers", "blit.worker.status"},
    "blit.cluster.meeting": {"blit.cluster", "blit.engine.workers", "blit.worker.wire"},
    "blit.cluster.node": {  # on another machine, without an engine
        "blit", "blit.engine.spawning", "blit.worker.status", "blit.worker.system", "blit.worker.wire",
    },
    "blit.job": {"blit.worker.wire"},  # the numbers of the options
    "blit.errors": set(),
    "blit.events": set(),
    "blit.bus": {"blit.events"},
    "blit.state": {"blit.curve", "blit.eta", "blit.events", "blit.pace"},
    "blit.pace": set(),
    "blit.eta": {"blit.events", "blit.pace"},
    "blit.curve": set(),
    "blit.queue": {"blit.job", "blit.state"},
    "blit.advice": {"blit.events"},
    # beside cli the only ones that know the engine: they run the transfers of a session
    "blit.dispatch": {
        "blit.asking", "blit.bus", "blit.engine", "blit.history.predict", "blit.job", "blit.queue", "blit.running",
        "blit.state", "blit.store",
    },
    "blit.manager": {"blit.dispatch", "blit.job", "blit.problems", "blit.queue", "blit.running"},
    "blit.running": {
        "blit.board", "blit.cluster.pool", "blit.console", "blit.engine", "blit.errors", "blit.events",
        "blit.history.predict", "blit.job", "blit.queue",
    },
    "blit.asking": {"blit.engine.workers", "blit.queue", "blit.worker.wire"},
    "blit.board": {"blit.bus", "blit.events", "blit.state"},
    "blit.problems": {"blit.show", "blit.state"},
    "blit.restore": set(),
    "blit.session": {"blit"},  # like cli: what cli does when there is a screen
    "blit.logfile": {"blit.bus", "blit.headless", "blit.job", "blit.show", "blit.worker.wire"},
    "blit.trash": {
        "blit.engine.pulse", "blit.engine.workers", "blit.errors", "blit.show", "blit.worker.wire",
    },
    "blit.store": {"blit.events", "blit.job", "blit.queue", "blit.settings", "blit.state", "blit.strict"},
    "blit.strict": set(),
    "blit.replay": {"blit.events", "blit.job", "blit.queue", "blit.state"},
    "blit.diagnostics": {"blit.arguments", "blit.dump", "blit.history.commands", "blit.request"},
    "blit.dump": {
        "blit.engine", "blit.errors", "blit.history", "blit.job", "blit.settings", "blit.show",
        "blit.worker.wire",
    },
    "blit.show": set(),
    "blit.chart": {"blit.curve", "blit.show"},
    "blit.terminal": {"blit.show"},
    "blit.settings": {"blit.strict"},
    "blit.flags": {"blit.arguments"},
    "blit.lean": set(),
    "blit.bar": {"blit.show", "blit.state"},
    "blit.opening": {"blit.tui.app"},
    "blit.sentences": {"blit.advice", "blit.events", "blit.show"},
    "blit.headless": {"blit.bar", "blit.bus", "blit.events", "blit.sentences", "blit.show", "blit.state", "blit.terminal"},
    "blit.tui": {
        "blit", "blit.advice", "blit.chart", "blit.curve", "blit.events", "blit.job", "blit.queue",
        "blit.settings", "blit.show", "blit.state", "blit.terminal", "blit.tui", "blit.history",
    },
    "blit.history": {
        "blit", "blit.bus", "blit.chart", "blit.curve", "blit.events", "blit.history", "blit.job",
        "blit.settings", "blit.show", "blit.state",
    },
    "blit.engine": {
        "blit.engine", "blit.errors", "blit.events", "blit.job", "blit.history.predict",
        "blit.history.profile", "blit.worker.room", "blit.worker.signals", "blit.worker.status", "blit.worker.system", "blit.worker.tmpname",
        "blit.worker.wire",
    },
    "blit.worker": {"blit.worker"},
}  # fmt: skip

# What each may know beside blit and the standard library.
FOREIGN: dict[str, set[str]] = {
    "blit": set(),
    "blit.api": {"anyio"},
    "blit.cli": {"anyio"},
    "blit.console": {"anyio"},
    "blit.cluster": {"anyio"},
    "blit.cluster.link": {"distributed"},  # the extra `cluster`
    "blit.completions": {"shtab"},
    "blit.engine": {"anyio"},
    "blit.dispatch": {"anyio"},
    "blit.running": {"anyio"},
    "blit.bar": {"rich"},
    "blit.history": {"platformdirs", "pydantic", "rich"},
    "blit.settings": {"platformdirs"},
    "blit.tui": {"anyio", "rich", "textual"},
    "blit.terminal": {"textual"},
    "blit.worker.filters": {"pathspec"},  # loaded by the first folder that is filtered
}


def rule(table: dict[str, set[str]], module: str) -> set[str]:
    parts = module.split(".")
    names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next(table[name] for name in names if name in table)


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of all modules that are imported anywhere in a file, for types too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def within(name: str, packages: set[str]) -> bool:
    return any(name == p or (p != "blit" and name.startswith(p + ".")) for p in packages)


@pytest.mark.parametrize("module", [m for m in MODULES if m not in ("blit.cli", "blit.session")])
def test_who_may_know_whom(module: str) -> None:
    top = ".".join(module.split(".")[:2])
    assert top in KNOWS, f"{top} is new: say in this table whom it may know"
    known = {name for name in imports(parsed(module)) if name.split(".")[0] == "blit"}
    assert not [name for name in known if not within(name, rule(KNOWS, module))]


@pytest.mark.parametrize("module", MODULES)
def test_what_each_may_need_beside_the_standard_library(module: str) -> None:
    found = {name.split(".")[0] for name in imports(parsed(module))}
    foreign = found - sys.stdlib_module_names - {"blit"}
    assert not foreign - rule(FOREIGN, module)


@pytest.mark.parametrize(
    "module",
    ["blit.engine.plan", "blit.engine.route", "blit.engine.pulse", "blit.engine.mirror",
     "blit.engine.schedule", "blit.engine.growth", "blit.state", "blit.eta", "blit.pace", "blit.curve",
     "blit.history.predict", "blit.history.profile", "blit.history.memory", "blit.queue", "blit.worker.landing"],
)  # fmt: skip
def test_pure_parts_have_no_clock_and_no_system(module: str) -> None:
    impure = {"os", "time", "datetime", "random", "io", "pathlib", "subprocess", "threading"}
    assert not impure & set(imports(parsed(module)))


# -- the parent touches no user file --------------------------------------------------------------

ON_PATHS = {
    "access", "chdir", "chflags", "chmod", "chown", "copy_file_range", "fdatasync", "fsync",
    "fwalk", "getxattr", "lchmod", "lchown", "link", "listdir", "listxattr", "lstat", "makedirs",
    "mkdir", "mkfifo", "mknod", "open", "readlink", "remove", "removedirs", "removexattr", "rename",
    "renames", "replace", "rmdir", "scandir", "sendfile", "setxattr", "stat", "statvfs", "symlink",
    "sync", "truncate", "unlink", "utime", "walk",
}  # fmt: skip
ON_PATHS_OF_PATH = {
    "exists", "getmtime", "getsize", "isdir", "isfile", "islink", "ismount", "lexists", "realpath",
    "samefile",
}  # fmt: skip
MODULES_ON_PATHS = {"shutil", "pathlib", "glob"}

# (file, call): the calls that touch no file of the user
HARMLESS = {
    ("blit.engine.spawning", "os.unlink(path)"),  # its own shared memory, where there is no memfd
    ("blit.engine.spawning", "os.open(os.devnull, os.O_RDWR)"),  # the workers' 0, 1 and 2
}
PARENT = [
    module
    for module in MODULES
    if module.startswith("blit.engine")
    or module in ("blit.headless", "blit.bus", "blit.state", "blit.show", "blit.events")
    or module in ("blit.job", "blit.arguments", "blit.errors")
]


def reads_proc(call: ast.Call) -> bool:
    """`open("/proc/…")`, also with an f-string."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.JoinedStr):
        first = first.values[0]
    return (
        isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and first.value.startswith("/proc/")
    )


def on_path(node: ast.expr) -> bool:
    match node:
        case ast.Name("open"):
            return True
        case ast.Attribute(ast.Name("os" | "io"), name):
            return name in ON_PATHS
        case ast.Attribute(ast.Attribute(ast.Name("os"), "path"), name):
            return name in ON_PATHS_OF_PATH
    return False


def touches(tree: ast.AST, module: str) -> list[str]:
    """Every mention of what reaches a file by its path, except what is known to be harmless."""
    fine = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and on_path(node.func):
            by_name = isinstance(node.func, ast.Name)
            if (by_name and reads_proc(node)) or (module, ast.unparse(node)) in HARMLESS:
                fine.add(node.func)
    found = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and on_path(node) and node not in fine
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "os.path", "io"):
            found.append(f"line {node.lineno}: from {node.module} import …")
    return found + sorted(MODULES_ON_PATHS & set(imports(tree)))


@pytest.mark.parametrize("module", PARENT)
def test_the_parent_touches_no_file_of_the_user(module: str) -> None:
    assert touches(parsed(module), module) == []


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.stat(path)",
        "import os\nlook = os.scandir",
        "import os\nos.path.exists(path)",
        "open(path)",
        "open(f'{root}/proc/x')",
        "from os import unlink",
        "def late():\n    import shutil",
    ],
)
def test_what_that_test_would_find(code: str) -> None:
    assert touches(ast.parse(code), "blit.engine.x")


def test_what_it_lets_pass() -> None:
    code = "open('/proc/vmstat')\nopen(f'/proc/{pid}/stat')\nimport os\nos.close(os.getpid())"
    assert touches(ast.parse(code), "blit.engine.x") == []


# -- the systems ----------------------------------------------------------------------------------

SYSTEMS = ("linux", "noproc", "portable", "bypath", "system")


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("blit.worker.")])
def test_the_seam_between_systems(module: str) -> None:
    """Where folders cannot be opened, `os` is another: it comes from `system`, as all that differs."""
    name, text = module.rpartition(".")[2], MODULES[module].read_text()
    if name in SYSTEMS:
        return
    found = set(imports(parsed(module)))
    if re.search(r"dir_fd|folders\.(open|root)\(|\b[sd]fd\b", text):
        assert "os" not in found, "from blit.worker.system import os"
    assert "O_PATH" not in text, "what only Linux has goes into linux.py"
    assert not {"blit.worker.linux", "blit.worker.portable"} & found


# -- length ---------------------------------------------------------------------------------------

MOST_LINES = 300
LONGER = {  # how long, and why they are one file nevertheless
    "blit.worker.scan": (730, "one loop over both sides of a folder, and its memory"),
    "blit.worker.copy": (600, "one file from its temporary name to its rename, every case of it"),
    "blit.engine.transfer": (500, "the whole flow on one page"),
}


@pytest.mark.parametrize("module", MODULES)
def test_no_file_is_too_long(module: str) -> None:
    most, _ = LONGER.get(module, (MOST_LINES, ""))
    assert len(MODULES[module].read_text().splitlines()) <= most


# -- what a process really loads ------------------------------------------------------------------


def loaded(*modules: str) -> set[str]:
    """What a bare interpreter, started as workers are, has loaded after these imports."""
    code = (
        f"import sys; sys.path.append({str(HOUSE.parent)!r})\n"
        f"import {', '.join(modules)}\nprint(*sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_worker_loads_the_standard_library_and_itself() -> None:
    found = loaded("blit.worker.main")
    assert "blit.worker.context" in found
    own = {name for name in found if name.split(".")[0] == "blit"}
    assert not [name for name in own if not within(name, {"blit", "blit.worker"})]
    rest = {name.split(".")[0] for name in found - own}
    assert not rest - sys.stdlib_module_names - {"__main__"}
    slow = {"asyncio", "collections", "dataclasses", "enum", "inspect", "json", "pickle", "re"}
    slow |= {"signal", "subprocess", "typing"}
    assert not slow & found  # each costs milliseconds before the first byte


def test_all_of_the_worker_loads_without_anything_foreign() -> None:
    found = loaded(*(m for m in MODULES if m.startswith("blit.worker") and "macos" not in m))
    assert not [name for name in found if within(name, {"blit.engine", "blit.events", "blit.job"})]
    assert not {n.split(".")[0] for n in found} - sys.stdlib_module_names - {"blit", "__main__"}


def test_the_workers_are_started_before_anything_slow_is_imported() -> None:
    """Any of these in a module that workers.py needs makes every first byte later by as much."""
    slow = {"argparse", "asyncio", "dataclasses", "enum", "inspect", "json", "re", "signal"}
    slow |= {"subprocess", "typing"}
    assert not slow & loaded("blit.engine.workers")


def test_the_pool_and_the_first_steps_load_nothing_heavy() -> None:
    """The workers boot, and the first task is posted, while the program still imports the rest."""
    found = loaded("blit.engine.workers", "blit.engine.probing")
    assert not {"anyio", "asyncio", "rich", "pydantic", "textual"} & found
