"""What kind of places a run goes between: what makes two runs comparable; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# what a copy does to each file changes its cost: such runs are learned apart
DEARER = ("checksum", "verify", "durable")


def of_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The profile as the history keeps it, from the answer of the first look (worker/probe.py)."""
    source, destination = facts["filesystems"]
    kinds = facts.get("kinds", ("", ""))
    devices = facts.get("devices", (0, 1))
    return {
        "source": source, "destination": destination,
        "source_kind": kinds[0], "destination_kind": kinds[1],
        "same_device": devices[0] == devices[1],
        "case_rule": "ignored" if facts.get("caseless") else "kept",
        "grain": facts["options"] >> 16,  # of times, in units of 100 ns
    }  # fmt: skip


def key(profile: Mapping[str, Any]) -> str:
    """`ext4 (ssd) → exfat (removable), ignores case, times to 2 s`; empty when it is not known."""
    if not profile.get("source") or not profile.get("destination"):
        return ""
    source = _place(profile["source"], profile.get("source_kind"))
    text = f"{source} → {_place(profile['destination'], profile.get('destination_kind'))}"
    if profile.get("same_device"):
        text += ", same disk"
    if profile.get("case_rule") == "ignored":
        text += ", ignores case"
    grain = profile.get("grain") or 0
    if grain >= 100_000:  # below 10 ms it changes nothing that is compared
        text += f", times to {grain / 10_000_000:g} s"
    return text


def _place(filesystem: str, kind: object) -> str:
    return f"{filesystem} ({kind})" if kind and kind != "unknown" else filesystem


def way(route: str, options: Mapping[str, Any]) -> str:
    """`streaming`, or `streaming+verify`: what the costs of a run are kept under."""
    return "+".join([route, *(name for name in DEARER if options.get(name))])
