"""What is built and what it needs; scripts/package installs it with pip, pipx and uv as well."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MOST_PACKAGES = 25


def test_a_default_install_is_small() -> None:
    """All that pip would install here, found as pip does: from what each package says it needs."""
    packaging = pytest.importorskip("packaging.requirements", reason="packaging is not installed")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting, found = [*project["dependencies"]], {"blit"}
    while waiting:
        need = packaging.Requirement(waiting.pop())
        name = need.name.lower().replace("_", "-")
        extras = need.extras or {""}
        wanted = need.marker is None or any(need.marker.evaluate({"extra": e}) for e in extras)
        if not wanted or name in found:
            continue
        found.add(name)
        try:
            waiting += distribution(name).requires or []
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed: pip install -e . again")
    assert len(found) <= MOST_PACKAGES, sorted(found)
    assert {"anyio", "pydantic-core", "textual"} <= found


def test_wheel_and_sdist_hold_what_they_should(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    for kind in ("wheel", "sdist"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path)],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert "blit/py.typed" in names and "blit/tui/blit.tcss" in names
    assert any(name.endswith("data/share/man/man1/blit.1") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "docs"))]
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sdist:
        kept = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", "docs/blit.1",
        "docs/usage.md", "scripts/check", "tests/conftest.py",
    } <= kept  # fmt: skip


def test_python_m_blit_is_blit() -> None:
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in ([sys.executable, "-m", "blit", "--version"], [sys.executable, "-c", "from blit.cli import main; main(['--version'])"])
    ]  # fmt: skip
    assert said[0] == said[1] != ""
