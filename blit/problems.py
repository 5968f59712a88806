"""The failures of a transfer as a text file, for who wants to look into them later."""

from __future__ import annotations

import time
from pathlib import Path

from blit import show
from blit.state import TransferState


def write_problems(state: TransferState, folder: Path) -> str:
    """Write them into a new file in `folder`; its path. Raises OSError."""
    failures = state.summary.failures if state.summary is not None else state.problems
    lines = []
    for source, destination in state.landings:
        lines.append(f"# {show.path(source)} → {show.path(destination)}")
    lines.append(f"# {show.count(state.failures, 'problem')}, path, step, cause")
    for one in failures:
        code = f" (errno {one.errno})" if one.errno else ""
        lines.append(f"{show.path(one.path)}\t{one.step}\t{show.text(one.message)}{code}")
    if state.failures > len(failures):
        lines.append(f"# and {state.failures - len(failures):,} more that are not kept by name")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 100):
        path = folder / f"blit-problems-{stamp}{f'-{number}' if number > 1 else ''}.txt"
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            return str(path)
        except FileExistsError:
            continue
    raise FileExistsError(17, "too many of them", str(folder))
