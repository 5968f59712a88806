"""A monkey at the keys: real transfers on a terminal, anything typed at any time, and what must hold.

Whatever is pressed, clicked, pasted, resized or stopped: the screen answers, rests when nothing
moves, paints within its terminal, and gives everything back at the end.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from conftest import BLIT, mounted, ram_folder, workers_of
from hurt import Faults, fuse
from past import AT, facts, write
from terminal import Terminal
from trees import contents, make

CAGE = [sys.executable, str(Path(__file__).with_name("cage.py"))]
NO_CAGE = 125
FILES = 120
KEYS = [
    *"nnnhhhppp   xxxrr[]??qqq/ogsf0123456789abzZ.~-*\\\"'", "\r", "\r", "\r", "\t", "\t", "\x1b[Z",
    "\x1b", "\x1b", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H",
    "\x1b[F", "\x1b[3~", "\x7f", "\x08", "\x10", "\x12", "\x13", "\x01", "\x0b", "\x15", "\x17",
    "\x1bOP", "\x1b[1;5C", "\x1b[1;2B", "\x1b[13;5u", "\x1b[I", "\x1b[O", "\x0c", "é", "日",
    "🙂", "\x11", "\x03", "\x1b[57441u",
]  # fmt: skip
LEAVING = {"q", "\x11", "\x03"}  # keys that may end the program: not before the end
PASTES = [
    "", "/", "plain", "/etc\n/usr\n", "a\tb\x07c", "\udcff", "[red]x[/red] [@click=app.quit]y[/]",
    "x" * 5000, "../" * 40, "~/", "\u202eabc", "日本語/🙂", "*.tmp !keep # x \\ \\\\", "1" * 200,
]  # fmt: skip
NOISE = [
    b"\xff\xfe", b"\xc3", b"\x1b[99999999999~", b"\x1b[:P", b"\x1b[5529648A", b"\x1b[<0;0;0M",
    b"\x1b[<35;999;999M", b"\x1b[M\xa0\xa0\xa0", b"\x1b[12;40R", b"\x1b[?1;2c", b"\x1b]11;rgb:0/0/0\x07",
    b"\x1bP1$r0m\x1b\\", b"\x00", b"\x1b[200~\xff\x1b[201~", b"\x1b[?2048;0$y", b"\x1b[1;1:3u",
]  # fmt: skip
CONFIGS = [
    "", 'theme = "nonsense"\n', 'exclude = ["*.tmp", "!x", "[", "  "]\nnotify = "always"\n',
    "mouse = false\n", "= broken", 'theme = "textual-ansi"\n', "history = 3\n",
]  # fmt: skip
SURROUNDINGS: list[dict[str, str]] = [
    {}, {}, {"COLUMNS": "80", "LINES": "24"}, {"COLUMNS": "0", "LINES": "x"}, {"NO_COLOR": "1"},
    {"COLORTERM": "truecolor"}, {"VTE_VERSION": "7900"}, {"TERM_PROGRAM": "WezTerm"},
]  # fmt: skip
# what the tasks of the program wait for is written down at SIGUSR2
TELL = """
import asyncio, signal
def tell(*_):
    with open(%r, "w") as file:
        for task in asyncio.all_tasks(asyncio._get_running_loop()):
            task.print_stack(file=file)
            chain = task.get_coro()
            while chain is not None:
                frame = getattr(chain, "cr_frame", None)
                print("   ", getattr(chain, "__qualname__", chain), frame and frame.f_lineno, file=file)
                chain = getattr(chain, "cr_await", None)
signal.signal(signal.SIGUSR2, tell)
"""
EXITS = {0, 1, 2, 3, 4, 5, 6, 130, 143}


class Wrong(AssertionError):
    """What does not hold, and all that helps to find out why."""


class Monkey:
    """One session, from its start to its end. `ram` is all that it may write to."""

    def __init__(self, seed: int, ram: Path, patience: float = 8.0, cage: bool = True) -> None:
        self.dice = random.Random(seed)
        self.seed, self.ram, self.patience, self.cage = seed, ram, patience, cage
        self.did: list[str] = []
        self.terminal: Terminal
        self.faults: Faults

    # -- the scene ---------------------------------------------------------------------------------

    def begin(self, stack: ExitStack) -> None:
        dice, ram = self.dice, self.ram
        self.faults = stack.enter_context(fuse(ram))
        home, config = ram / "home/a/b", ram / "config"
        config.mkdir(mode=0o777)
        size = dice.choice([200, 20_000, 60_000])
        below = self.faults.below
        make(below / "src", {f"f{n:03}": b"x" * size for n in range(FILES)})
        make(home, {"one": {"a": b"a", "sub": {"b": b"b" * 9999}}, "two": {"old": b"old"}})
        make(
            ram / "dst", {f"extra{n}": {"in it": b"x" * n} for n in range(dice.choice([0, 3, 40]))}
        )
        for n in range(dice.choice([0, 0, 4])):
            make(ram / f"dst/f{n:03}", {"in the way": b"x"})
        (config / "config.toml").write_text(dice.choice(CONFIGS))
        runs = dice.choice([0, 5, 10_000])
        ends = {
            "sources": [f"{home}/one"],
            "target": f"{ram}/again",
            "destination": f"{ram}/again/one",
        }
        write(config, *(facts(n, at=AT - n * 60, **ends) for n in range(runs)), more=b"{broken\n")
        self.slow()
        verb = dice.choice(["copy", "copy", "mirror", "mirror", "", "", "history"])
        ends_ = [f"{self.faults.point}/src/", f"{ram}/dst"]
        words = {"": [], "history": ["history"]}.get(verb, [verb, "--tui", *ends_])
        if verb == "mirror" and dice.random() < 0.3:
            words.append("--trash")
        self.verb = verb
        self.before = contents(below / "src")
        environment = {
            k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "COLUMNS", "LINES")
        }
        environment |= {"BLIT_CONFIG_DIR": str(config), "LC_ALL": "C.UTF-8", "HOME": str(home)}
        (ram / "site").mkdir()
        (ram / "site/sitecustomize.py").write_text(TELL % str(ram / "tasks"))
        paths = f"{ram / 'site'}:{Path(__file__).parent.parent}"
        environment |= {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "BLIT_DEBUG": "1"}
        environment |= dice.choice(SURROUNDINGS)
        width, height = dice.choice([(120, 36), (80, 24), (60, 15), (200, 60)])
        cage = [*CAGE, str(ram), str(home)] if self.cage else []
        self.note(f"{verb or 'blit'} {width}x{height} runs={runs} size={size} {words[3:]}")
        self.terminal = stack.enter_context(
            Terminal([*cage, *BLIT, *words], environment, width, height)
        )
        self.expect(
            lambda text: 1049 in self.terminal.cells.modes and "Transfers" in text, "it opens", 20
        )

    def slow(self) -> None:
        """Another kind of source from now on."""
        dice = self.dice
        rules: list[dict[str, object]] = [{"op": "read", "delay": dice.choice([0.0, 0.05, 0.2])}]
        if dice.random() < 0.3:
            rules.append({"op": "open", "path": f"/src/f0{dice.randint(10, 99)}", "errno": 13})
        if dice.random() < 0.2:
            rules.append({"op": "read", "path": f"/src/f{dice.randint(0, 119):03}", "hang": True})
        if dice.random() < 0.1:
            rules.append({"op": "readdir", "delay": 1.5})
        self.faults.hurt(*rules)

    # -- what it does ------------------------------------------------------------------------------

    def note(self, what: str) -> None:
        self.did.append(f"{time.monotonic() % 1000:.2f} {what}")

    def send(self, data: bytes) -> None:
        try:
            os.write(self.terminal._master, data)
        except OSError as error:
            self.note(f"not written: {error}")

    def burst(self) -> None:
        deed = self.dice.choices(
            [self.keys, self.resizes, self.mouse, self.paste, self.noise, self.freeze, self.stop,
             self.slow, self.palette],
            [40, 12, 14, 6, 5, 3, 3, 3, 4],
        )[0]  # fmt: skip
        self.note(deed.__name__)
        deed()

    def keys(self) -> None:
        keys = [self.dice.choice(KEYS) for _ in range(self.dice.randint(1, 14))]
        keys = [key for key in keys if key not in LEAVING or self.verb in ("copy", "mirror")]
        hasty = self.dice.random() < 0.5
        self.note(repr("".join(keys)))
        for n, key in enumerate(keys):
            if key in LEAVING and (n or not self.running()):
                continue  # with nothing running it would leave
            self.send(key.encode())
            time.sleep(0 if hasty else self.dice.random() / 20)
            if key in LEAVING:
                time.sleep(0.3)
                self.send(b"\x1b")  # stay
                time.sleep(0.2)
                break

    def running(self) -> bool:
        return "1 running" in self.terminal.text.split("\n")[0]

    def resizes(self) -> None:
        for _ in range(self.dice.randint(1, 9)):
            size = self.dice.choice(
                [(80, 24), (120, 36), (60, 15), (59, 14), (1, 1), (2, 40), (300, 3), (400, 120),
                 (self.dice.randint(1, 400), self.dice.randint(1, 120))]
            )  # fmt: skip
            self.note(f"to {size}")
            self.terminal.resize(*size)
            time.sleep(self.dice.choice([0, 0, 0.004, 0.02, 0.1]))

    def mouse(self) -> None:
        cells = self.terminal.cells
        for _ in range(self.dice.randint(1, 6)):
            x, y = self.dice.randint(1, cells.width), self.dice.randint(1, cells.height)
            if self.dice.random() < 0.2:
                y = cells.height  # the keys at the bottom
                if "Quit" in cells.text:
                    x = min(x, max(1, cells.text.split("\n")[-1].find("Quit") - 4))
            button = self.dice.choice([0, 0, 0, 2, 64, 65, 66, 35, 32])
            self.note(f"mouse {button} {x} {y}")
            self.send(b"\x1b[<%d;%d;%dM" % (button, x, y))
            if button < 3:
                if self.dice.random() < 0.3:
                    to = self.dice.randint(1, cells.width), self.dice.randint(1, cells.height)
                    self.send(b"\x1b[<%d;%d;%dM" % (button + 32, *to))
                    x, y = to
                self.send(b"\x1b[<%d;%d;%dm" % (button, x, y))
            time.sleep(self.dice.random() / 20)

    def paste(self) -> None:
        text = self.dice.choice(PASTES).encode("utf-8", "surrogateescape")
        self.note(repr(text[:40]))
        self.send(b"\x1b[200~" + text.replace(b"\xff", b"?") + b"\x1b[201~")

    def noise(self) -> None:
        data = self.dice.choice(NOISE)
        self.note(repr(data))
        self.send(data)
        time.sleep(0.15)

    def palette(self) -> None:
        self.send(b"\x10")
        time.sleep(0.3)
        words = self.dice.choice(
            ["hist", "new", "theme", "prob", "move", "keys", "pause", "copy", "zzz", "remove"]
        )
        self.note(words)
        self.send(words.encode())
        time.sleep(self.dice.choice([0, 0.3, 0.6]))
        self.send(self.dice.choice([b"\r", b"\x1b[B\r", b"\x1b", b"\x1b[B\x1b[B\r"]))

    def freeze(self) -> None:
        self.terminal.freeze()
        for _ in range(self.dice.randint(1, 4)):
            self.dice.choice([self.keys, self.resizes, self.paste])()
            time.sleep(self.dice.random())
        self.terminal.thaw()

    def stop(self) -> None:
        """As a debugger, a container's freezer, ctrl+z, or `kill -TSTP` do it."""
        pid = self.terminal.process.pid
        number = self.dice.choice([signal.SIGSTOP, signal.SIGTSTP])
        self.note(number.name)
        os.kill(pid, number)
        end = time.monotonic() + self.patience
        while status(pid) != "T":  # brought back before it has stopped, it stops for good
            if time.monotonic() > end:
                self.wrong(f"it does not stop: {status(pid)}")
            time.sleep(0.01)
        time.sleep(self.dice.choice([0.05, 0.5, 2]))
        if self.dice.random() < 0.4:
            self.resizes()
        os.kill(pid, signal.SIGCONT)

    # -- what must hold ----------------------------------------------------------------------------

    def expect(self, test, what: str, seconds: float = 0.0) -> str:  # type: ignore[no-untyped-def]
        end = time.monotonic() + (seconds or self.patience)
        while not test(text := self.terminal.text):
            self.alive()
            if time.monotonic() > end:
                self.wrong(f"{what}: not within {seconds or self.patience:.0f} s")
            time.sleep(0.02)
        return text

    def wrong(self, what: str) -> None:
        dump = shutil.which("py-spy")
        stacks = ""
        if dump and self.terminal.process.poll() is None:
            words = [dump, "dump", "--nonblocking", "--pid", str(self.terminal.process.pid)]
            stacks = subprocess.run(words, capture_output=True, text=True, timeout=60).stdout
        if self.terminal.process.poll() is None:
            os.kill(self.terminal.process.pid, signal.SIGUSR2)
            time.sleep(1)
            if (self.ram / "tasks").exists():
                stacks += (self.ram / "tasks").read_text()
        did = "\n".join(self.did[-60:])
        tail = self.terminal.said[-5000:] if self.broke() else self.terminal.said[-300:]
        raise Wrong(
            f"seed {self.seed}: {what}\n{did}\n{self.terminal.text}\n{stacks}\n{tail if self.broke() else repr(tail)}"
        )

    def alive(self) -> None:
        code = self.terminal.process.poll()
        if code is not None:
            time.sleep(0.3)
            if code == NO_CAGE:
                raise PermissionError("no cage")
            self.wrong(f"it has ended by itself, with {code}")
        if self.broke():
            time.sleep(0.3)
            self.wrong("it broke")

    def broke(self) -> bool:
        said = self.terminal.said
        return "Traceback" in said or "screen broke" in said

    def home(self) -> None:
        """Back to the first screen, which takes keys."""
        self.terminal.resize(*self.dice.choice([(80, 24), (120, 36)]))
        self.send(b"\x1b[I")  # without the focus, the keys at the bottom stay as they are
        end = time.monotonic() + self.patience + 4
        while not self.at_home():
            self.alive()
            if time.monotonic() > end:
                self.wrong("no way back to the first screen")
            self.send(b"\x1b")
            for _ in range(15):
                time.sleep(0.02)
                if self.at_home():
                    break

    def at_home(self) -> bool:
        text = self.terminal.text
        rows = text.split("\n")
        return bool(
            rows[0].startswith(" blit  Transfers")
            and re.match(r" ?(\S+ .*)?\bn\b.*\^p", rows[-1])
            and not re.search(r"/|\bo\b|\bg\b", rows[-1])  # keys of the history
            and not re.search("esc (stay|let|keep|do not|closes)|╭─ (Commands|Themes) ", text)
        )

    def check(self) -> None:
        self.home()
        time.sleep(1)  # pictures for other sizes may be on their way
        self.terminal.cells.spills = 0
        self.send(b"?")
        self.expect(lambda text: "Keys and signs" in text, "? opens help")
        self.send(b"\x1b")
        self.expect(lambda text: "Keys and signs" not in text and self.at_home(), "esc closes it")
        if self.terminal.cells.spills:
            self.wrong("it paints where the terminal is not")
        bare = re.search(r"[^\x1b]\[[0-9;]+m|\[/?(red|bold)\]", self.terminal.text)
        if bare and "[red]x" not in self.terminal.text:
            self.wrong(f"raw codes on the screen: {bare[0]!r}")

    def rest(self) -> None:
        """Nothing is pressed and little moves: no processor is burnt for it."""
        pid = self.terminal.process.pid
        used, seconds = cpu(pid), 1.5
        time.sleep(seconds)
        share = (cpu(pid) - used) / seconds
        self.note(f"at rest {100 * share:.0f} %")
        if share > 0.75:
            time.sleep(3)
            used = cpu(pid)
            time.sleep(3)
            if (cpu(pid) - used) / 3 > 0.75:
                self.wrong("it burns the processor")

    def end(self) -> int:
        """Leave, in one of all the ways; the exit code."""
        self.home()
        workers = workers_of(self.terminal.process.pid)
        how = self.dice.choice(["q", "q", "ctrl+c", "term", "hup"])
        self.note(f"leave by {how}")
        self.faults.hurt()
        if how in ("term", "hup"):
            os.kill(self.terminal.process.pid, signal.SIGTERM if how == "term" else signal.SIGHUP)
        else:
            time.sleep(0.3)  # after an escape, a key right behind it is another one
            self.send(b"q" if how == "q" else b"\x03")
        end, asked = time.monotonic() + 60, False
        while self.terminal.process.poll() is None:
            text = self.terminal.text
            if "esc stay here" in text and not asked:
                asked = True
                downs = self.dice.choice([1, 2, 3])
                self.note(f"answer {downs}")
                self.send(b"\x1b[B" * downs + b"\r")
            elif "[y/N]" in text.rpartition("\n")[2] or text.rstrip().endswith("[y/N]"):
                self.send(b"n\r")
            if time.monotonic() > end:
                self.wrong("it does not end")
            time.sleep(0.1)
        code = self.terminal.ends()
        self.note(f"ended with {code}")
        if code not in EXITS:
            self.wrong(f"exit code {code}")
        if self.broke():
            self.wrong("it broke at the end")
        if not self.terminal.is_restored():
            self.wrong(f"the terminal is not as it was: {self.terminal.cells.modes}")
        deadline = time.monotonic() + 10
        while left := [pid for pid in workers if os.path.exists(f"/proc/{pid}")]:
            if time.monotonic() > deadline:
                self.wrong(f"workers stay: {left}")
            time.sleep(0.05)
        self.files(code)
        return code

    def files(self, code: int) -> None:
        names = [
            os.path.join(top, name) for top, folders, files in os.walk(self.ram)
            for name in folders + files
            if name.startswith(".blit-") and name not in (".blit-trash",)
        ]  # fmt: skip
        if names:
            self.wrong(f"left behind: {names[:5]}")
        now = contents(self.faults.below / "src")
        if now != self.before:
            self.wrong("the source has changed")
        for name, data in contents(self.ram / "dst").items():
            if name in now and data != now[name]:
                self.wrong(f"{name} at the destination is another file")


def status(pid: int) -> str:
    """`T` for stopped, `S` for asleep, …"""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def session(seed: int, seconds: float, patience: float = 8.0, cage: bool = True) -> str:
    """One session of about so many seconds; how it went, in a line. Raises Wrong."""
    with ram_folder() as ram, room(ram), ExitStack() as stack:
        monkey = Monkey(seed, ram, patience, cage)
        monkey.begin(stack)
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for _ in range(monkey.dice.randint(1, 4)):
                monkey.burst()
                count += 1
            monkey.check()
            if monkey.dice.random() < 0.3:
                monkey.rest()
        code = monkey.end()
        return f"seed {seed}: {count} bursts, exit code {code}"


@contextmanager
def room(ram: Path) -> Iterator[None]:
    """A filesystem of its own, small: what a monkey copies cannot fill the memory."""
    with mounted(ram, "-t", "tmpfs", "-o", "size=150m,mode=755", "none"):
        yield
