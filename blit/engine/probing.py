"""The first task of every run, apart from the engine so that it can leave before the engine is imported."""

from __future__ import annotations

from typing import Any

from blit.job import Job


def probe_task(job: Job) -> dict[str, Any]:
    """The first look; it can be posted before the engine is even imported."""
    return {
        "op": "probe",
        "sources": [wire_text(s) for s in job.sources],
        "target": wire_text(job.target),
        "options": job.options(),
    }


def wire_text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
