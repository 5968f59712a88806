"""The workers of a Dask cluster: the same result as on one machine, also when a node dies."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from clusters import Cluster, cluster
from conftest import Blit, ram_folder, requires_fuse, until, workers_of
from trees import File, Hard, Symlink, assert_same, make, snapshot, temporaries

from blit.cluster import node
from blit.worker import meeting, status, tmpname, wire
from blit.worker.context import Context
from blit.worker.folders import Folders

pytest.importorskip("distributed", reason="Dask is not installed (the extra `cluster`)")

T = 1_600_000_000_123_456_789


@pytest.fixture(scope="module")
def many() -> Iterator[Path]:
    """20,000 files in 200 folders."""
    with ram_folder() as made:
        yield tree(made / "src", 200)


@pytest.fixture
def some(ram: Path) -> Path:
    return tree(ram / "src", 40)


def tree(root: Path, folders: int) -> Path:
    """100 files in each folder, and two names that are none."""
    files = {
        f"f{n}": {f"{i}": b"%d of %d " % (i, n) * (i % 40) for i in range(100)}
        for n in range(folders)
    }
    make(root, files | {"link": Symlink("f0"), "same": Hard("f7/9")})
    return root


def copying(process: subprocess.Popen[bytes], files: int) -> None:
    """Wait until so many files are copied, as --json tells it."""
    assert process.stdout is not None
    done = 0
    for line in process.stdout:
        event = json.loads(line)
        assert event["type"] != "summary", event
        if event["type"] == "batch_finished" and event["what"] == "copy":
            done += event["files"]
            if done >= files:
                return
    raise AssertionError("it ended before")


def summary(blit: Blit, process: subprocess.Popen[bytes]) -> dict[str, object]:
    last: dict[str, object] = json.loads(blit.finish(process).out.splitlines()[-1])
    return last


def test_20000_files_as_on_one_machine_also_with_a_node_killed(
    blit: Blit, ram: Path, many: Path
) -> None:
    """Where a node's workers are not given up with it (Link._lose) this stalls."""
    local = ram / "local"
    blit("copy", f"{many}/", local)
    with cluster(ram / "dask") as two:
        whole = blit.json("copy", "--cluster", two.address, f"{many}/", ram / "far").summary
        assert whole["files"]["copied"] == 20_002 and whole["workers"] == 4
        assert_same(local, ram / "far")
        run = blit.start(
            "copy", "--json", "--cluster", two.address, f"{many}/", str(ram / "hurt"),
            stdout=subprocess.PIPE,
        )  # fmt: skip
        copying(run, 2000)
        two.kill(1)
        last = summary(blit, run)
        assert last["outcome"] == "ok" and not last["failures"], last
        assert_same(local, ram / "hurt")
        assert not temporaries(ram)


def test_a_mirror_with_a_node_killed_deletes_what_it_should(
    blit: Blit, ram: Path, some: Path
) -> None:
    """One kernel has one cache: the node that is left flushes it for both."""
    make(ram / "dst", {f"f{n}": {"gone": b"old", "1": b"older"} for n in range(40)})
    with cluster(ram / "dask") as two:
        run = blit.start(
            "mirror", "--json", "--yes", "--max-delete", "1000", "--cluster", two.address,
            f"{some}/", str(ram / "dst"), stdout=subprocess.PIPE,
        )  # fmt: skip
        copying(run, 300)
        two.kill(1)
        last = summary(blit, run)
        assert last["outcome"] == "ok", last
        assert last["files"]["deleted"] == 40  # type: ignore[index]
        assert_same(some, ram / "dst")


def test_a_worker_process_that_dies_is_replaced(blit: Blit, ram: Path, some: Path) -> None:
    with cluster(ram / "dask", 1) as one:
        run = blit.start(
            "copy", "--json", "--cluster", one.address, f"{some}/", str(ram / "dst"),
            stdout=subprocess.PIPE,
        )  # fmt: skip
        copying(run, 200)
        os.kill(one.workers()[0], signal.SIGKILL)
        assert summary(blit, run)["outcome"] == "ok"
        assert_same(some, ram / "dst")
        assert not temporaries(ram)


def test_ctrl_c_ends_the_workers_on_the_nodes(blit: Blit, ram: Path, some: Path) -> None:
    """Without the end of the session in pool.close the nodes keep them for a minute."""
    with cluster(ram / "dask") as two:
        run = blit.start(
            "copy", "--json", "--cluster", two.address, f"{some}/", str(ram / "dst"),
            stdout=subprocess.PIPE,
        )  # fmt: skip
        copying(run, 200)
        os.kill(run.pid, signal.SIGINT)
        assert summary(blit, run)["exit_code"] == 130
        until(lambda: not two.workers(), "the workers to end", 10)
        assert not temporaries(ram)
        blit("copy", "--cluster", two.address, f"{some}/", ram / "dst")
        assert_same(some, ram / "dst")


# -- machines -------------------------------------------------------------------------------------


class Share:
    """A folder that two machines mount from one server: at `here` and at `there`."""

    def __init__(self, ram: Path, stack: ExitStack) -> None:
        self.below, self.here, self.there = ram / "below", ram / "here", ram / "there"
        (ram / "rules.json").write_text("[]")
        script = str(Path(__file__).parent / "sharefs.py")
        for folder in (self.below, self.here, self.there):
            folder.mkdir()
        for point in (self.here, self.there):
            server = subprocess.Popen(
                [sys.executable, script, str(self.below), str(point), str(ram / "rules.json")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(subprocess.run, ["umount", "-l", str(point)], check=False)
            stack.callback(server.wait, 10)
            stack.callback(server.kill)
            until(lambda at=point: os.path.ismount(at), "the FUSE mount")  # type: ignore[misc]


@pytest.fixture
def share(ram: Path) -> Iterator[Share]:
    requires_fuse()
    with ExitStack() as stack:
        yield Share(ram, stack)


@pytest.fixture
def apart(ram: Path, share: Share) -> Iterator[Cluster]:
    """Two machines; the second mounts the share elsewhere."""
    with cluster(ram / "dask", 1) as made:
        made.node(machine=True, mounts=f"{share.here}={share.there}")
        yield made


TREE = {
    f"f{n}": {"a": b"a" * n, "b": File(b"b", mtime=T), "hard": Hard("f0/a"), "c": b"c" * 3000}
    for n in range(1, 30)
} | {"f0": {"a": b"the one with many names"}}


def test_machines_that_mount_it_elsewhere_and_number_devices_otherwise(
    blit: Blit, share: Share, apart: Cluster
) -> None:
    """Without Folders.device names of one file are copied twice; without `here` nothing is found."""
    make(share.below / "src", TREE)
    make(share.below / "dst", {"f1": {"extra": b"old"}, "b": {"deep": b"old"}, "f2": b"a file"})
    assert os.stat(share.here).st_dev != os.stat(share.there).st_dev
    before = os.stat(share.below / "dst").st_mtime_ns
    again = ("mirror", "-y", "--cluster", apart.address, f"{share.here}/src/", f"{share.here}/dst")
    assert blit(*again, "-n").code == 0
    assert os.stat(share.below / "dst").st_mtime_ns == before
    blit(*again)
    assert_same(share.below / "src", share.below / "dst")
    assert not temporaries(share.below)
    there = snapshot(share.below / "dst")
    assert blit.json(*again).summary["files"]["copied"] == 0
    assert snapshot(share.below / "dst") == there
    with open(share.below.parent / "dask" / "dask.log", encoding="utf-8") as log:
        assert "Traceback" not in log.read()


def test_a_machine_lost_with_unflushed_work_lets_nothing_be_deleted(
    blit: Blit, share: Share, apart: Cluster
) -> None:
    """Where the flush does not ask who wrote (ClusterPool._flush) the old goes nevertheless."""
    make(share.below / "src", {f"f{n}": {f"{i}": b"new" * i for i in range(40)} for n in range(16)})
    make(share.below / "dst", {"extra": b"old"})
    run = blit.start(
        "mirror", "-y", "--json", "--cluster", apart.address, f"{share.here}/src/",
        f"{share.here}/dst", stdout=subprocess.PIPE,
    )  # fmt: skip
    copying(run, 100)
    apart.kill(1)
    last = summary(blit, run)
    assert last["exit_code"] == 1 and "was lost before" in str(last["message"]), last
    assert (share.below / "dst" / "extra").read_bytes() == b"old"
    (share.below / "dst" / "extra").unlink()
    copied = {p: e for p, e in snapshot(share.below / "dst").items() if b"/" in p}
    wanted = {p: e for p, e in snapshot(share.below / "src").items() if b"/" in p}
    assert copied.keys() == wanted.keys()
    assert not temporaries(share.below)


@pytest.mark.parametrize("case", ["own disk", "other folder", "missing"])
def test_what_one_machine_does_not_see_is_refused(
    blit: Blit, ram: Path, share: Share, case: str
) -> None:
    """Without the meeting its files land on a disk of its own, and exit code 0 says they are copied."""
    make(share.below / "src", {"a": b"a", "sub": {"b": b"b"}})
    (share.below / "dst").mkdir()
    other = ram / "other"
    make(other, {"src": {"a": b"a"}, "dst": {}})
    source, target = share.here / "src", share.here / "dst"
    mounts = f"{share.here}={other}"
    if case == "own disk":
        source, target, mounts = other / "src", other / "dst", ""
    elif case == "missing":
        mounts = f"{share.here}={ram}/nowhere"
    with cluster(ram / "dask", 1) as made:
        made.node(machine=True, mounts=mounts)
        if case == "own disk":
            made.node()
        result = blit("copy", "--cluster", made.address, f"{source}/", target, code=4)
    words = {
        "own disk": "on a disk of that machine alone", "other folder": "is another folder",
        "missing": "is missing",
    }  # fmt: skip
    assert words[case] in result.errors[-1], result
    assert not os.listdir(share.below / "dst") and not os.listdir(other / "dst")


# -- what is said ---------------------------------------------------------------------------------


def test_without_dask_one_sentence_says_what_to_install(blit: Blit, ram: Path) -> None:
    code = "import sys; sys.modules['distributed'] = None; from blit.cli import main; main(sys.argv[1:])"
    make(ram / "src", {"a": b"a"})
    done = subprocess.run(
        [sys.executable, "-c", code, "copy", "--cluster", "tcp://127.0.0.1:1", ram / "src", ram / "dst"],
        capture_output=True, text=True, env=blit.environment, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'blit[cluster]'" in done.stderr and done.stderr.count("\n") == 1


def test_a_local_run_does_not_load_it(blit: Blit, ram: Path) -> None:
    code = (
        "import sys, blit.cli, os\n"
        "end = os._exit\n"
        "def ended(code):\n"
        "    found = [n for n in sys.modules if n.split('.')[0] in ('distributed', 'dask')\n"
        "             or n.startswith('blit.cluster')]\n"
        "    end(99 if found else code)\n"
        "os._exit = ended\n"
        "blit.cli.main(sys.argv[1:])\n"
    )
    make(ram / "src", {"a": b"a"})
    done = subprocess.run(
        [sys.executable, "-c", code, "copy", ram / "src", ram / "dst"],
        env=blit.environment,
        check=False,
    )
    assert done.returncode == 0


def test_no_scheduler_no_worker_bad_address(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"a": b"a"})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        result = blit("copy", "--cluster", address, ram / "src", ram / "dst", code=1)
        assert f"no Dask scheduler answers at {address}" in result.errors[0]
    result = blit("copy", "--cluster", "carrier://pigeon", ram / "src", ram / "dst", code=1)
    assert "no Dask scheduler answers at carrier://pigeon" in result.errors[0]
    with cluster(ram / "dask", 0) as empty:
        result = blit("copy", "--cluster", empty.address, ram / "src", ram / "dst", code=1)
        assert "has no workers" in result.errors[0]
    blit("copy", "--cluster", "", ram / "src", ram / "dst", code=2)
    result = blit("copy", "--trash", "--cluster", "tcp://x:1", ram / "src", ram / "dst", code=2)
    assert "do not go together" in result.errors[0]
    assert not (ram / "dst").exists()


# -- parts ----------------------------------------------------------------------------------------


def test_a_mark_that_does_not_show_is_another_folder(ram: Path) -> None:
    """The same inode is no proof: two disks of one make begin with the same one."""
    make(ram, {"src": {}, "dst": {}})
    pages = mmap.mmap(-1, status.PAGE)
    context = Context(status.Page(pages, 0), "0" * 15, 0, os.getppid())
    told = meeting.run(
        context, {"tell": [f"{ram}/src", f"{ram}/dst/new"], "mark": [f"{ram}/dst/new"]}
    )
    assert len(temporaries(ram / "dst")) == 1
    places = [(*place[:4], "nfs4") for place in told["places"]]
    ask = {"see": places, "marks": told["marks"], "strict": False}
    there = os.stat(ram).st_dev
    assert meeting.run(context, ask) == {"same": {there: there}}
    meeting.run(context, {"marks": told["marks"]})
    assert not temporaries(ram)
    assert "does not show" in meeting.run(context, ask)["unlike"]
    later = [(*places[0][:3], places[0][3] + 1, "nfs4")]
    assert "at another time" in meeting.run(context, {**ask, "see": later, "marks": []})["unlike"]


def test_devices_of_machines_are_told_apart() -> None:
    one, two = Folders(), Folders()
    one.far(0, {}, ())
    two.far(1, {50: 40}, (("/shared", "/mnt/a"), ("/", "/all")))
    assert one.device(40) == two.device(50) == 40
    assert two.device(40) not in (40, one.device(40)), "its own 40 is another device"
    assert two.own((40, 7)) == (50, 7) and two.own((two.device(9), 7)) == (9, 7)
    assert [two.here(p) for p in ("/shared", "/shared/x", "/sharedx")] == [
        "/mnt/a", "/mnt/a/x", "/all/sharedx",
    ]  # fmt: skip


def test_workers_end_when_nobody_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program was killed: without the lease they stay as long as the Dask worker does."""
    monkeypatch.setattr(node, "LEASE", 0.0)
    token = tmpname.run_token(os.getpid())
    frame = wire.frame({"op": "folders", "known": {}, "path": "/proc/self/nowhere"})
    node.work("gone", token, 0, 4, 3, 0, frame)
    with pytest.raises(node.Died):
        node.work("gone", token, 0, 4, 3, 0, frame)  # Dask has done it once already
    until(lambda: not workers_of(os.getpid()), "the worker to end")
    with pytest.raises(node.Died):
        node.work("gone", token, 0, 4, 3, 1, frame)


def test_mounts_that_make_no_sense() -> None:
    assert node.read_mounts("/a=/b:/a/c=/d/") == (("/a/c", "/d"), ("/a", "/b"))
    with pytest.raises(ValueError, match="BLIT_MOUNTS"):
        node.read_mounts("a=/b")
