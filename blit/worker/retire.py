"""The last step of a move: what stands at the destination leaves the source, name by name.

Each name is looked at once more on both sides right before it goes: it must be the same there, and
the source must not have been touched since the run began. Folders go afterwards, deepest first, by
rmdir, so that what appeared meanwhile is kept.
"""

from __future__ import annotations

import errno
import stat

from blit.worker import compare, status, tmpname, wire
from blit.worker.context import Context, Result, join, raw
from blit.worker.folders import granted
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blit.worker.filters import Filters


_PATTERNS = ".gitignore"
_DEVICES = (stat.S_IFCHR, stat.S_IFBLK)
_NOT_COPIED = "not copied"  # by its kind, as was told when it was listed


def relocate(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Move whole sources by one rename each, where their place is free on the same filesystem.

    Task: `folders` (dumps of tokens), `options`. Answer: `rest`, the tokens that need a copy, and
    what a Result says.
    """
    result = Result()
    page, folders = context.page, context.folders
    rest = []
    for blob in task["folders"]:
        src_root, dst_root, _, dst_rel, names, _ = wire.load(blob)
        if names is None and not dst_rel:  # the contents of a folder that stays
            rest.append(blob)
            continue
        above, _, name = src_root.rpartition("/")
        places = [(above or "/", name, dst_rel)]
        if names is not None:
            places = [(src_root, old, new) for old, new in names.items()]
        stays: dict[str, str] = {}
        for folder, old, new in places:
            page.folder(folder, dst_root)
            page.name(old)
            page.operation(status.RENAME)
            try:
                sfd, dfd = folders.root(folder), folders.root(dst_root, make=True)
                done = _rename(old, new, sfd, dfd)
            except OSError:
                done = False
            if not done:
                stays[old] = new
                continue
            result.files += 1
            result.methods[wire.RENAMED] += 1
            if task["options"] & wire.ITEMIZE:
                result.changes.append((wire.NEW, raw(new), wire.RENAMED, 0))
            context.wrote(os.fstat(dfd).st_dev, dst_root, "", dfd)
        if stays:
            token = wire.load(blob)
            rest.append(blob if names is None else wire.dump((*token[:4], stays, token[5])))
    page.operation(status.IDLE)
    return {**result.as_dict(), "rest": rest}


def _rename(old: str, new: str, sfd: int, dfd: int) -> bool:
    """False where only a copy can do it. Never replaces anything: a file is linked, not renamed."""
    try:
        os.stat(new, dir_fd=dfd, follow_symlinks=False)
        return False
    except FileNotFoundError:
        pass
    info = os.stat(old, dir_fd=sfd, follow_symlinks=False)
    if stat.S_ISDIR(info.st_mode):
        if info.st_dev != os.fstat(dfd).st_dev:
            return False
        os.rename(old, new, src_dir_fd=sfd, dst_dir_fd=dfd)
    else:
        os.link(old, new, src_dir_fd=sfd, dst_dir_fd=dfd, follow_symlinks=False)
        os.unlink(old, dir_fd=sfd)
    return True


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `options`, `folders` (dumps), `which`, and for the files `since` (ns), `filters`.

    `which` is "files": `folders` are tokens as in a scan; the answer's `folders` are those below,
    `emptied` the records for the second turn. "folders": such records, (source root, path,
    destination root, path), the deepest last; `stay`: roots that are emptied and stay.
    """
    result = Result()
    if task["which"] == "folders":
        _rmdirs(context, result, task)
        context.page.operation(status.IDLE)
        return result.as_dict()
    below: list[bytes] = []
    emptied: list[tuple[str, str, str, str]] = []
    filters = None
    if task["filters"]:
        from blit.worker.filters import Filters

        filters = Filters(task["filters"], context.folders)
    for blob in task["folders"]:
        if not context.go_on():
            result.left += 1
            continue
        token = wire.load(blob)
        try:
            below += _empty(context, result, token, filters, task["options"] >> 16, task["since"])
            if token[4] is None:
                emptied.append((token[0], token[2], token[1], token[3]))
        except OSError as error:
            _failed(result, join(token[0], token[2]), error.errno or 0, str(error.strerror))
    context.page.operation(status.IDLE)
    answer = {**result.as_dict(), "folders": below}
    if emptied:
        answer["emptied"] = wire.dump(emptied)
    return answer


def _empty(
    context: Context, result: Result, token: tuple[Any, ...], filters: Filters | None,
    grain: int, since: int,
) -> list[bytes]:  # fmt: skip
    """Remove the files of one folder; tokens of the folders in it."""
    src_root, dst_root, src_rel, dst_rel, names, flags = token
    page = context.page
    page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
    page.operation(status.LIST)
    sfd = context.folders.open(src_root, src_rel)
    dfd = context.folders.open(dst_root, dst_rel)
    one = os.path.samestat(os.fstat(sfd), os.fstat(dfd))  # mounted there too
    if one and names is None:
        text = "it is the same folder on both sides: all in it stays"
        _failed(result, join(src_root, src_rel), 0, text)
        return []
    hides = filters.of(src_root, src_rel) if filters is not None and names is None else None
    files: list[tuple[str, str]] = []
    below: list[bytes] = []
    if names is not None:
        files = list(names.items())
    else:
        with os.scandir(sfd) as listing:
            for entry in listing:
                page.ticks += 1
                is_folder = entry.is_dir(follow_symlinks=False)
                if hides is not None and hides(entry.name, is_folder, entry):
                    continue
                if filters is not None and filters.gitignore and entry.name == _PATTERNS:
                    continue  # asked again for every folder below: it goes with its own folder
                if is_folder and entry.name == tmpname.TRASH and not src_rel:
                    continue  # was not copied, which was told then
                if is_folder:
                    place = (join(src_rel, entry.name), join(dst_rel, entry.name))
                    below.append(wire.dump((src_root, dst_root, *place, None, flags)))
                else:
                    files.append((entry.name, entry.name))
    page.operation(status.REMOVE)
    for index, (name, target) in enumerate(files):
        if not index & 15 and not context.go_on():
            result.left += len(files) - index
            break
        page.name(name)
        path = join(src_root, src_rel, name)
        try:
            if one and name.casefold() == target.casefold():
                _failed(result, path, 0, "it is its own copy: it stays")
                continue
            why = _differs(name, target, sfd, dfd, grain, since)
            if why:
                if why != _NOT_COPIED:
                    _failed(result, path, 0, f"{why}: it stays in the source too")
                continue
            granted(sfd, lambda name=name, fd=sfd: os.unlink(name, dir_fd=fd))  # type: ignore[misc]
            result.deleted += 1
            page.tick()
        except FileNotFoundError:
            continue
        except OSError as error:
            _failed(result, path, error.errno or 0, error.strerror or str(error))
    return below


def _differs(name: str, target: str, sfd: int, dfd: int, grain: int, since: int) -> str:
    """Why a name must stay; empty when its copy is there, and it was not touched meanwhile."""
    ours = os.stat(name, dir_fd=sfd, follow_symlinks=False)
    kind = stat.S_IFMT(ours.st_mode)
    if kind == stat.S_IFSOCK:
        return _NOT_COPIED
    try:
        theirs = os.stat(target, dir_fd=dfd, follow_symlinks=False)
    except FileNotFoundError:
        return _NOT_COPIED if kind in _DEVICES else "its copy is not there"
    if kind != stat.S_IFMT(theirs.st_mode):
        return "its copy is something else"
    if kind == stat.S_IFLNK:
        same = os.readlink(name, dir_fd=sfd) == os.readlink(target, dir_fd=dfd)
        return "" if same else "its copy points elsewhere"
    if (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino) and ours.st_nlink < 2:
        return "it is its own copy"
    if kind in _DEVICES:
        return "" if ours.st_rdev == theirs.st_rdev else "its copy is another device"
    if ours.st_size != theirs.st_size or not (
        ours.st_mtime_ns == theirs.st_mtime_ns
        or compare.close_enough(ours.st_mtime_ns, theirs.st_mtime_ns, grain)
    ):
        return "it has changed since"
    # removing one name of a file moves the ctime of the others; their copy has several names too
    if ours.st_ctime_ns >= since and theirs.st_nlink < 2:
        return "it was touched meanwhile"
    return ""


def _rmdirs(context: Context, result: Result, task: dict[str, Any]) -> None:
    """The deepest last; a root goes too. What is not empty stays, which is no failure by itself."""
    page, folders = context.page, context.folders
    records = [record for blob in task["folders"] for record in wire.load(blob)]
    for root, rel, dst_root, dst_rel in reversed(records):
        if not context.go_on():
            result.left += 1
            continue
        path = rel or root
        above, _, name = path.rpartition("/")
        page.folder(join(root, above) if rel else above, "")
        page.name(name)
        page.operation(status.REMOVE)
        try:
            if task["patterns"]:
                _drop_patterns(context, result, (root, rel), (dst_root, dst_rel), task)
            if not rel and root in task["stay"]:
                continue
            fd = folders.open(root, above) if rel else folders.root(above or "/")
            folders.forget(root, rel)
            granted(fd, lambda name=name, fd=fd: os.rmdir(name, dir_fd=fd))  # type: ignore[misc]
            result.deleted += 1
            page.tick()
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                result.skipped.append((raw(join(root, rel)), "not empty"))
            else:
                where = join(root, rel)
                _failed(result, where, error.errno or 0, error.strerror or str(error))


def _drop_patterns(
    context: Context, result: Result, source: tuple[str, str], copy: tuple[str, str],
    task: dict[str, Any],
) -> None:  # fmt: skip
    """Remove a .gitignore as the last of its folder: while something that it hides is there, it
    says so to the next move too."""
    sfd = context.folders.open(*source)
    if os.listdir(sfd) != [_PATTERNS]:
        return
    dfd = context.folders.open(*copy)
    why = _differs(_PATTERNS, _PATTERNS, sfd, dfd, task["options"] >> 16, task["since"])
    if why:
        _failed(result, join(*source, _PATTERNS), 0, f"{why}: it stays in the source too")
        return
    granted(sfd, lambda: os.unlink(_PATTERNS, dir_fd=sfd))
    result.deleted += 1


def _failed(result: Result, path: str, code: int, text: str) -> None:
    result.failures.append((raw(path), "remove", code, text))
