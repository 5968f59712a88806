"""Owner, mode, xattrs and times: what a copy should have, whether it has it, and making it so.

The order is owner, xattrs, mode, times: a change of owner clears setuid and capabilities; the group
bits of the mode are the mask of an access list, and without the list they would open the file to a
group that it shuts out; and everything before the last step would move the times.
"""

from __future__ import annotations

import errno
import stat

from blit.worker import system, wire
from blit.worker.system import os

_LOST = system.CANNOT | {errno.EACCES, errno.ENOSPC, errno.E2BIG, errno.ERANGE}
DEFAULT_ACL = "system.posix_acl_default"
ACCESS_ACL = "system.posix_acl_access"
# kept by the security module of the destination, not ours to copy
_NOT_OURS = ("security.selinux", "security.ima", "security.evm", "system.nfs4_acl")


class Identity:
    """Who this worker is, hence which owners it can give away."""

    def __init__(self) -> None:
        self.root = os.geteuid() == 0
        self.uid = os.geteuid()
        self.groups = frozenset((*os.getgroups(), os.getegid()))
        self.xattrs_lost = 0  # values that the destination did not take; told once a run
        self.owners_lost = 0

    def owner(self, source: os.stat_result, born: tuple[int, int]) -> tuple[int, int]:
        """The owner and group that a copy can have; `born` is what it gets by itself."""
        if self.root:
            return source.st_uid, source.st_gid
        return born[0], source.st_gid if source.st_gid in self.groups else born[1]

    def mode(self, source: os.stat_result, owner: tuple[int, int]) -> int:
        """The source's mode; setuid and setgid only where the owner they speak of was kept."""
        mode = stat.S_IMODE(source.st_mode)
        if mode & 0o6000 and not stat.S_ISDIR(source.st_mode):
            if owner[0] != source.st_uid:
                mode &= ~0o4000
            if owner[1] != source.st_gid:
                mode &= ~0o2000
        return mode


def differs(me: Identity, source: os.stat_result, copy: os.stat_result, options: int) -> bool:
    """Whether mode or owner of an existing copy need mending (times and xattrs: elsewhere)."""
    here = (copy.st_uid, copy.st_gid)
    want = me.owner(source, here)
    if options & wire.OWNERLESS:
        want = here
    elif want != here:
        return True
    if options & wire.MODELESS or stat.S_ISLNK(source.st_mode):
        return False
    return me.mode(source, want) != stat.S_IMODE(copy.st_mode)


def needs_mending(
    me: Identity, source: os.stat_result, copy: os.stat_result, options: int,
    s: int | str | None, d: int | str | None,
) -> bool:  # fmt: skip
    """As `differs`, but not where `d` cannot have the access list of `s` and its mode shows it."""
    if not differs(me, source, copy, options):
        return False
    if s is None or d is None or differs(me, source, copy, options | wire.MODELESS):
        return True
    from blit.worker.acl import is_narrowed

    return not is_narrowed(source, copy, s, d)


def xattrs_differ(me: Identity, source: int | str, copy: int | str) -> bool:
    try:
        all_theirs, all_ours = system.list_xattrs(source), system.list_xattrs(copy)
        if not all_theirs and not all_ours:
            return False
        theirs, ours = _wanted(me, all_theirs), _wanted(me, all_ours)
        if theirs != ours:
            from blit.worker.acl import has_room

            # what the copy cannot have there at all is no difference: it would be one for ever
            theirs = [n for n in theirs if n in ours or has_room(copy, n)]
            if theirs != ours:
                return True
        return any(system.get_xattr(source, n) != system.get_xattr(copy, n) for n in theirs)
    except OSError as error:
        if error.errno in _LOST:
            return False
        raise


def _wanted(me: Identity, names: list[str]) -> list[str]:
    """Of the names of attributes those that this user can copy."""
    return sorted(
        n
        for n in names
        if n not in _NOT_OURS and (me.root or n.startswith(("user.", "system.posix_acl")))
    )


def has_xattrs(source: int) -> bool:
    """False where there are none, and True where it does not say: `dress` finds out."""
    try:
        return bool(system.list_open_xattrs(source))
    except OSError:
        return True


def may_have_xattrs(source: int) -> bool:
    """The same where many filesystems have none at all: what says so is taken at its word."""
    try:
        return bool(system.list_open_xattrs(source))
    except OSError as error:
        return error.errno not in _LOST


def copy_xattrs(me: Identity, source: int | str, target: int | str, existing: bool) -> bytes:
    """Give `target` the attributes of `source`; `existing`: it may have others, which go.

    A value that the destination does not take is counted in `me.xattrs_lost`, not raised. Returns
    the access list if that is one of them.
    """
    lost_list = b""
    try:
        names = _wanted(me, system.list_xattrs(source))
    except OSError as error:
        if error.errno in _LOST:
            return lost_list
        raise
    if existing:
        try:
            for name in _wanted(me, system.list_xattrs(target)):
                if name not in names:
                    system.remove_xattr(target, name)
        except OSError as error:
            if error.errno not in _LOST:
                raise
    for name in names:
        value = b""
        try:
            value = system.get_xattr(source, name)
            system.set_xattr(target, name, value)
        except OSError as error:
            if error.errno == errno.ENODATA:
                continue
            if error.errno not in _LOST:
                raise
            me.xattrs_lost += 1
            if name == ACCESS_ACL:
                lost_list = value
    return lost_list


def dress(
    me: Identity,
    s: int,
    d: int,
    source: os.stat_result,
    now: tuple[int, int],
    options: int,
    existing: bool,
) -> None:
    """Owner, xattrs and mode of an open file or folder that has owner `now`; see copy_xattrs."""
    set_owner_and_mode(me, d, source, now, -1, options | wire.MODELESS)
    lost_list = copy_xattrs(me, s, d, existing)
    if options & wire.MODELESS:
        return
    copy = os.fstat(d)
    mode = me.mode(source, (copy.st_uid, copy.st_gid))
    if lost_list:
        from blit.worker.acl import group_bits

        mode &= group_bits(lost_list) | ~0o070
    if mode != stat.S_IMODE(copy.st_mode):
        os.fchmod(d, mode)


def set_owner_and_mode(
    me: Identity,
    target: int,
    source: os.stat_result,
    now: tuple[int, int],
    mode_now: int,
    options: int,
) -> None:
    """For an open file or folder that has owner `now` and mode `mode_now`. Raises OSError."""
    owner = now if options & wire.OWNERLESS else me.owner(source, now)
    if owner != now:
        try:
            os.fchown(target, *owner)
        except OSError as error:
            if error.errno not in _LOST:
                raise
            me.owners_lost += 1
            owner = now
        else:
            if mode_now & 0o6000:
                mode_now = -1  # the kernel may have cleared them
    mode = me.mode(source, owner)
    if mode != mode_now and not options & wire.MODELESS:
        os.fchmod(target, mode)


class Stale(Exception):
    """What should only be mended must be copied: its source is not what was compared any more, or
    the copy shares its inode with names that the source does not."""


def mend(
    me: Identity,
    sfd: int,
    dfd: int,
    name: str,
    target: str,
    seen: tuple[int, int, int],
    options: int,
) -> None:
    """Owner, mode, xattrs and times of an existing file, link or special file, without its bytes.

    `seen`: size, mtime and inode of the source when its bytes were found to equal the copy's. A
    source that is another by now must not give its times to old bytes. Raises Stale, OSError
    (FileNotFoundError: of the source). The two are opened so that no name is resolved twice; links
    and special files, which cannot be, are changed by `dir_fd` without following.
    """
    source = os.stat(name, dir_fd=sfd, follow_symlinks=False)
    if not stat.S_ISREG(source.st_mode):
        try:
            set_special(me, sfd, dfd, name, target, source, options)
        except FileNotFoundError:
            raise Stale from None
        return
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    s = os.open(name, flags, dir_fd=sfd)
    try:
        source = os.fstat(s)
        if (source.st_size, source.st_mtime_ns, source.st_ino) != seen:
            raise Stale
        try:
            d = _open_to_mend(me, target, dfd, flags)
        except FileNotFoundError:
            raise Stale from None
        try:
            copy = os.fstat(d)
            if copy.st_nlink > source.st_nlink or copy.st_size != source.st_size:
                raise Stale
            if not copy.st_mode & 0o200 and copy.st_uid == me.uid:
                os.fchmod(d, stat.S_IMODE(copy.st_mode) | 0o200)  # else it takes no attribute
            dress(me, s, d, source, (copy.st_uid, copy.st_gid), options, existing=True)
            os.utime(d, ns=(source.st_atime_ns, source.st_mtime_ns))
        finally:
            system.let_go(d)
    finally:
        system.let_go(s)


def _open_to_mend(me: Identity, target: str, dfd: int, flags: int) -> int:
    try:
        return os.open(target, flags, dir_fd=dfd)
    except PermissionError:
        info = os.stat(target, dir_fd=dfd, follow_symlinks=False)
        if me.root or info.st_uid != me.uid or not stat.S_ISREG(info.st_mode):
            raise
        system.change_mode(target, stat.S_IMODE(info.st_mode) | 0o600, dfd)
        return os.open(target, flags, dir_fd=dfd)


def set_special(
    me: Identity, sfd: int, dfd: int, name: str, target: str, source: os.stat_result, options: int
) -> None:
    """Owner, mode, xattrs and times of a symlink, FIFO or device that is at `target` already."""
    copy = os.stat(target, dir_fd=dfd, follow_symlinks=False)
    now = (copy.st_uid, copy.st_gid)
    owner = now if options & wire.OWNERLESS else me.owner(source, now)
    if owner != now:
        try:
            os.chown(target, *owner, dir_fd=dfd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _LOST:
                raise
            me.owners_lost += 1
    if not stat.S_ISLNK(source.st_mode) and not options & wire.MODELESS:
        mode = me.mode(source, owner)
        if stat.S_IMODE(copy.st_mode) != mode:
            system.change_mode(target, mode, dfd)
    s, d = system.entry_path(sfd, name), system.entry_path(dfd, target)
    if s is not None and d is not None:
        copy_xattrs(me, s, d, existing=True)
    os.utime(target, ns=(source.st_atime_ns, source.st_mtime_ns), dir_fd=dfd, follow_symlinks=False)
