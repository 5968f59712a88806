"""What a failure means, what to do about it, and how it leaves the destination; pure."""

from __future__ import annotations

import errno as e
from typing import NamedTuple

from blit.events import Failed


class Advice(NamedTuple):
    """Three sentences for a person who has never heard of errno."""

    means: str
    do: str
    state: str


# steps that work on the source; all others are at the destination
_READS = frozenset(("probe", "list", "open source", "copy", "compare", "changed"))

# errno → what it means and what to do; a pair of pairs where source and destination differ
_Pair = tuple[str, str]
_READING: dict[int, _Pair] = {
    e.EACCES: (
        "You may not read this.",
        "See who may (ls -l), change that (chmod u+r), or run blit as a user who may.",
    ),
    e.EIO: (
        "The disk could not give back this part.",
        "Look at the disk (dmesg, smartctl -a) and save what can be read soon.",
    ),
    e.ENOENT: ("It was removed or renamed meanwhile.", "Nothing, if that was meant. Else retry."),
    e.EISDIR: ("A folder is here now, where a file was.", "Retry: it is listed anew."),
    e.EINVAL: ("The filesystem cannot read this.", "Look at it with: ls -l, dmesg."),
}
_WRITING: dict[int, _Pair] = {
    e.EACCES: (
        "You may not write in this folder.",
        "See who may (ls -ld), change that (chmod u+w), or run blit as a user who may.",
    ),
    e.EIO: (
        "The disk could not take it.",
        "Look at the disk (dmesg, smartctl -a), also at its cable and power. Then retry.",
    ),
    e.ENOENT: (
        "Its folder vanished at the destination.",
        "See what else works there at the same time, then retry.",
    ),
    e.EISDIR: (
        "A folder has the name that this file needs.",
        "Move that folder away and retry. (A mirror replaces it.)",
    ),
    e.ENOTDIR: (
        "A file has the name that this folder needs.",
        "Move that file away and retry. (A mirror replaces it.)",
    ),
    e.EINVAL: (
        "The destination does not take this name or attribute.",
        'FAT and NTFS take none of < > : " | ? * in names: rename it and retry.',
    ),
    e.EFBIG: (
        "The file is larger than the destination can hold.",
        "FAT ends at 4 GB: format the disk otherwise (exFAT, ext4), or split the file.",
    ),
    e.EEXIST: ("Something came up under this name meanwhile.", "Retry: it is compared anew."),
    e.ENOTEMPTY: (
        "Something was put into the folder meanwhile.",
        "Run the mirror again: it lists the folder anew.",
    ),
}
_ALWAYS: dict[int, _Pair] = {
    e.EPERM: (
        "The system forbids it, whatever the file mode says.",
        "It may be immutable (lsattr, chattr -i), or need its owner or root to run blit.",
    ),
    e.ENOSPC: (
        "The destination is full.",
        "Free some space there and retry: what is done stays done.",
    ),
    e.EDQUOT: (
        "Your share of the destination is used up.",
        "Free some of your files there (see: quota), then retry.",
    ),
    e.EROFS: (
        "The destination cannot be written to.",
        "See why (mount, dmesg: after errors a disk is made read-only), then retry.",
    ),
    e.ENAMETOOLONG: (
        "The name is longer than the filesystem takes.",
        "Give it a shorter name and retry. Most take 255 bytes, encrypted ones 143.",
    ),
    e.EILSEQ: (
        "The destination cannot write this name.",
        "It has bytes that are no valid text there: rename it and retry.",
    ),
    e.ELOOP: (
        "A symlink stands where a file or folder was.",
        "It was changed meanwhile and is not followed. Retry: it is listed anew.",
    ),
    e.EBUSY: ("Something else is using it.", "See who (fuser, findmnt), then retry."),
    e.ETXTBSY: ("It is a program that is running.", "End that program, then retry."),
    e.EAGAIN: ("Another program has locked it.", "End that program, then retry."),
    e.ENOTDIR: ("A file is here now, where a folder was.", "Retry: it is listed anew."),
    e.EXDEV: ("Another filesystem begins here.", "Copy this folder on its own."),
    e.EMLINK: ("It has more names than the filesystem allows.", "Copy it on its own."),
    e.ENOMEM: ("The computer ran out of memory.", "Close some programs, then retry."),
    e.EMFILE: ("Too many files are open at once.", "Raise the limit (ulimit -n), then retry."),
    e.ENFILE: ("The whole computer has too many files open.", "Close programs, then retry."),
    e.EOPNOTSUPP: (
        "The filesystem cannot do this.",
        "It does not know this kind of file or attribute: leave it out.",
    ),
    e.ENOSYS: ("The system cannot do this.", "Leave it out, or use another filesystem."),
    e.EINTR: ("The system broke it off.", "Retry."),
}
_NETWORK = (
    "The connection to the network disk is gone.",
    "See that it answers (ls on it), mount it again if need be, then retry.",
)
_GONE = (
    "The disk is gone: unplugged, or switched off after errors.",
    "Plug it in and mount it again (dmesg tells why it left), then retry.",
)
_DAMAGED = (
    "The filesystem is damaged here.",
    "Unmount the disk and check it (fsck), then retry.",
)
_LOCKED = ("The folder is encrypted and locked.", "Unlock it, then retry.")


def _known(names: str, pair: _Pair) -> dict[int, _Pair]:
    """Not every system has every errno."""
    return {getattr(e, name): pair for name in names.split() if hasattr(e, name)}


_ALWAYS |= _known(
    "ESTALE ETIMEDOUT ENOTCONN EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ECONNRESET "
    "ECONNABORTED ECONNREFUSED EPIPE EREMOTEIO",
    _NETWORK,
)
_ALWAYS |= _known("ENODEV ENXIO ENOMEDIUM ESHUTDOWN", _GONE)
_ALWAYS |= _known("EUCLEAN EBADMSG", _DAMAGED)
_ALWAYS |= _known("ENOKEY EKEYREJECTED EKEYEXPIRED", _LOCKED)

_KEPT = "The destination keeps what it had under this name. Nothing half-written was left."
_STATES = {
    "list": "What is in here was not copied. What the destination has of it stays.",
    "probe": "Nothing was written.",
    "compare": "Not compared, not copied: the destination keeps what it had.",
    "mkdir": "The folder, and all that belongs in it, is missing at the destination.",
    "metadata": "A folder has its files, but not its times, owner or mode. A file was not copied.",
    "link": "This name is missing or keeps its old content. Other names of the file are as before.",
    "sync": "Old files under this name were kept. New ones may be lost if the power fails now.",
    "delete": "It is still there.",
}


def name(number: int) -> str:
    """`EIO`; empty where there is no such number."""
    return e.errorcode.get(number, "")


def cause(failed: Failed) -> str:
    """What went wrong, as a heading: failures with the same words belong together."""
    if _died(failed):
        return "A worker process died"
    text = failed.message.strip() or name(failed.errno) or "Failed"
    return text[0].upper() + text[1:]


def advise(failed: Failed) -> Advice:
    means, do = _meaning(failed)
    if _died(failed):
        state = "Files that it had in hand may be missing. No file is there in part."
    else:
        state = _STATES.get(failed.step, _KEPT)
    return Advice(means, do, state)


def _meaning(failed: Failed) -> _Pair:
    number, step = failed.errno, failed.step
    if _died(failed):
        return (
            "A process of blit ended over this work: killed, or out of memory.",
            "See why (dmesg), then retry. If it happens again, please report it.",
        )
    if step == "changed":
        return (
            "The file was being written to while it was copied.",
            "Retry when the program that writes it is done.",
        )
    if step == "verify":
        return (
            "Read back, it was not what had been written.",
            "Do not trust this disk or its cable: check both (smartctl, memtest), then retry.",
        )
    if number == e.ENOSPC and "inode" in failed.message:
        return (
            "The destination can hold no more files, whatever their size.",
            "Remove some files there (df -i shows how many fit), then retry.",
        )
    if number == e.EBUSY and "mounted" in failed.message:
        return (
            "Another filesystem is mounted in this folder.",
            "Nothing, if that was meant: a mirror never deletes below a mount point.",
        )
    if number == e.ENOSPC and step == "mkdir":
        return _ALWAYS[e.ENOSPC]
    side = _READING if step in _READS else _WRITING
    found = side.get(number) or _ALWAYS.get(number) or _WRITING.get(number)
    if found is not None:
        return found
    if number:
        said = name(number) or f"error {number}"
        return (f"The system said: {failed.message} ({said}).", "Look at dmesg, then retry.")
    return (f"{cause(failed)}.", "Retry. If it happens again, leave this one out.")


def _died(failed: Failed) -> bool:
    return not failed.errno and "worker process died" in failed.message
