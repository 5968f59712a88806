"""On what kind of device a filesystem lies, and whether it tells upper from lower case."""

from __future__ import annotations

import os

NETWORK = frozenset((
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "virtiofs", "lustre",
    "beegfs", "gpfs", "davfs", "fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.ceph-fuse",
    "fuse.davfs2", "fuse.s3fs", "fuse.gvfsd-fuse", "fuse.curlftpfs", "fuse.vmhgfs-fuse", "vboxsf",
))  # fmt: skip
_MEMORY = frozenset(("tmpfs", "ramfs", "devtmpfs"))
_CASELESS = frozenset(("vfat", "msdos", "fat", "exfat", "hfs"))
_CASED = frozenset(("ext2", "ext3", "xfs", "btrfs", "zfs", "overlay", "nfs", "nfs4", "ramfs"))
_FOLDING = frozenset(("ext4", "f2fs", "tmpfs"))  # folder by folder, by `chattr +F`
_GETFLAGS, _CASEFOLD = 0x80086601, 0x40000000


def kind(device: int, filesystem: str) -> str:
    """memory, network, removable, rotational, ssd, or unknown (FUSE, stacked filesystems)."""
    if filesystem in _MEMORY:
        return "memory"
    if filesystem in NETWORK:
        return "network"
    if removable(device):
        return "removable"
    if rotational(device):
        return "rotational"
    return "ssd" if os.path.exists(_node(device)) else "unknown"


def block(number: int, device: str) -> int:
    """The number of a filesystem's block device: btrfs shows numbers of its own in a stat."""
    if device.startswith("/dev/") and not os.path.exists(_node(number)):
        try:
            return os.stat(device).st_rdev
        except OSError:
            pass
    return number


def caseless(folder: str, filesystem: str) -> bool | None:
    """Whether `Name` and `name` are one there: known of the filesystem, else asked of a name.

    None: there is no name to ask for.
    """
    if filesystem in _FOLDING:
        return _folds(folder)
    if filesystem in _CASED or filesystem in _CASELESS:
        return filesystem in _CASELESS
    folder = os.path.realpath(folder)
    try:
        with os.scandir(folder) as listing:
            names = [entry.name for entry, _ in zip(listing, range(64), strict=False)]
        for name in names:
            if name.swapcase() != name and name.swapcase() not in names:
                return _answers(os.path.join(folder, name))
        if os.stat(os.path.dirname(folder)).st_dev == os.stat(folder).st_dev:
            name = os.path.basename(folder)
            return _answers(folder) if name.swapcase() != name else None
    except OSError:
        pass
    return None  # the name is another filesystem's, or gone again


def _answers(path: str) -> bool:
    """Whether what is at `path` answers to its name in the other case too."""
    above, name = os.path.split(path)
    try:
        one, two = os.lstat(path), os.stat(os.path.join(above, name.swapcase()))
        return os.path.samestat(one, two) or one[:1] + one[6:] == two[:1] + two[6:]
    except FileNotFoundError:
        return False


def _folds(folder: str) -> bool:
    """Whether a folder is marked as one that ignores case; its new folders inherit that."""
    import fcntl

    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        flags = int.from_bytes(fcntl.ioctl(fd, _GETFLAGS, bytes(8)), "little")
        return bool(flags & _CASEFOLD)
    except OSError:
        return False
    finally:
        os.close(fd)


def removable(device: int) -> bool:
    """Whether the device, or a disk that it is a part of, can be pulled out.

    USB disks in their boxes and memory cards do not say so of themselves: their bus tells.
    """
    return _flag(device, "removable") or _unplugs(_node(device))


def _unplugs(node: str) -> bool:
    real = os.path.realpath(node)
    if "/usb" in real or "/firewire" in real:
        return True
    for card in (f"{real}/device/type", f"{real}/../device/type"):
        try:
            with open(card, "rb") as kind:
                if kind.read(3) == b"SD\n":
                    return True
        except OSError:
            pass
    try:  # an encrypted or joined disk is on others
        below = os.listdir(f"{real}/slaves")
    except OSError:
        return False
    return any(_unplugs(f"{real}/slaves/{name}") for name in below)


def rotational(device: int) -> bool:
    """Whether it is a disk whose head must move: pieces of a file side by side do not pay there."""
    return _flag(device, "queue/rotational") and not _flag(
        device, "loop/backing_file", any_text=True
    )


def _node(device: int) -> str:
    return f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"


def _flag(device: int, name: str, any_text: bool = False) -> bool:
    node = _node(device)
    for path in (f"{node}/{name}", f"{node}/../{name}"):
        try:
            with open(path, "rb") as flag:
                return any_text or flag.read(1) == b"1"
        except OSError:
            continue
    return False
