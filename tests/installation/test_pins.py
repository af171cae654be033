"""The set-up installs what is pinned, whatever the package index offers besides."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .conftest import downloaded
from .environments import ROOT

pytestmark = pytest.mark.xdist_group("installation")

#: Their contents are needed, too: they build the editable installation.
_BUILDERS = {"editables", "hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"}
#: What our distributions need without an extra, and what needs extras of others, which is what broke the set-up once.
_STARTING = {"coverage", "jiwer", "pytest-cov", "arq", "sayit", "sayit-client", "sayit-eval"}
_NEWER = "9999.0"
#: Name, version and marker of a line such as `numpy==2.4.6 ; python_full_version < '3.12' \`.
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ ]*(?:;([^\\\n]*))?\\$", re.MULTILINE)
LISTS = sorted((ROOT / "requirements").glob("*.txt"))


def applying(text: str) -> dict[str, str]:
    """Versions by canonical name of the pins that apply to this Python and platform."""
    found: dict[str, str] = {}
    for name, version, condition in _PIN.findall(text):
        marker = Requirement(f"{name}; {condition}").marker if condition.strip() else None
        if marker is None or marker.evaluate():
            found[canonicalize_name(name)] = version
    return found


def closed(names: set[str]) -> set[str]:
    """Canonical names of these packages and of all that they need here, extras included."""
    found: set[tuple[str, str]] = set()
    left = [(canonicalize_name(name), "") for name in names]
    while left:
        name, extra = left.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for needed in map(Requirement, metadata.requires(name) or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                left += [(canonicalize_name(needed.name), one) for one in ("", *needed.extras)]
    return {name for name, _ in found}


def wheel(folder: Path, name: str, version: str) -> str:
    """Writes a wheel with the installed package's metadata, and a builder's files; returns its SHA-256."""
    package = metadata.distribution(name)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in package.requires or ())
    extras = "".join(f"Provides-Extra: {extra}\n" for extra in package.metadata.get_all("Provides-Extra") or ())
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}{needs}"
    files = {
        f"{info}/METADATA": head.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    for file in package.files or () if name in _BUILDERS and version != _NEWER else ():
        inner = f"{info}/{file.name}" if file.parts[0].endswith(".dist-info") else str(file)
        if file.suffix != ".pyc" and ".." not in file.parts and inner not in files and file.name != "RECORD":
            files[inner] = Path(str(file.locate())).read_bytes()
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, data in files.items():
            archive.writestr(inner, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Wheels with the names, versions and needs of pins, a newer one of each, and the list with their hashes.

    Of a part of the list that needs nothing outside of it: pip does the same with each, and takes minutes for all.
    """
    folder = tmp_path_factory.mktemp("index")
    text = (ROOT / "requirements" / "development.txt").read_text(encoding="utf-8")
    kept = closed(_BUILDERS | _STARTING)
    text = "".join(block for block in re.split(r"(?m)^(?=\S)", text) if canonicalize_name(block.split("==")[0]) in kept)
    hashes = {name: wheel(folder, name, version) for name, version in applying(text).items()}
    for name in hashes:
        wheel(folder, name, _NEWER)
    lines = [
        f"{name}=={version}{f' ; {condition.strip()}' if condition.strip() else ''}"
        f" \\\n    --hash=sha256:{hashes.get(canonicalize_name(name), '0' * 64)}"
        for name, version, condition in _PIN.findall(text)
    ]
    return folder, "\n".join(lines) + "\n"


def project(folder: Path, requirements: str) -> Path:
    """A checkout of the repository in `folder`, without its environment, with another list of pins."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".venv") and entry.name not in {"requirements", ".git"}:
            (folder / entry.name).symlink_to(entry)
    (folder / "requirements").mkdir()
    (folder / "requirements" / "development.txt").write_text(requirements, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Wheels of the oldest pip that a supported Python brings and of a new one; they run without being installed."""
    folder = tmp_path_factory.mktemp("pips")
    return [downloaded(Path(__file__).with_name(f"pip-{age}.txt"), folder / age)[0] for age in ("old", "new")]


def set_up(folder: Path, index: Path, pip: str = "-m pip", *, by_uv: bool = False) -> dict[str, str]:
    """Runs the README's set-up against `index` alone; returns the versions that it installed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
    clean |= {"PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    command = ["make", "-C", str(folder), "setup", f"PYTHON={sys.executable}", f"PIP={pip}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("uv could not install it" in done.stdout) != by_uv, done.stdout + done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / ".venv" / "bin" / "python", "list", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {canonicalize_name(one["name"]): one["version"] for one in json.loads(listed)}


_AS_THE_OLD = pytest.mark.thorough("the old pip installs the same, and so does uv in test_uv_installs_the_same")


@pytest.mark.parametrize("which", ["old", pytest.param("new", marks=_AS_THE_OLD)])
def test_newer_versions_of_everything_change_nothing(
    index: tuple[Path, str], which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """`make setup` installs the pins and nothing else where the index has a newer version of each, with any pip.

    With the oldest pip that a supported Python brings, which is this one's own from 3.12 on, and a new one; without uv.
    """
    if which == "old" and sys.version_info >= (3, 12):
        pip = "-m pip"
    else:
        paths: list[Path] = request.getfixturevalue("pips")
        pip = f"{paths[which == 'new']}/pip"
    folder, requirements = index
    assert_pinned(set_up(project(tmp_path, requirements), folder, pip), requirements)


def test_uv_installs_the_same(index: tuple[Path, str], tmp_path: Path) -> None:
    """As pip does, which installs it first."""
    folder, requirements = index
    copy = project(tmp_path, requirements)
    installer = shutil.copy(ROOT / "requirements" / "installer.txt", copy / "requirements")
    downloaded(Path(installer), folder)
    assert_pinned(set_up(copy, folder, by_uv=True), requirements)


def assert_pinned(installed: dict[str, str], requirements: str) -> None:
    """The environment holds what the list says in its versions, our distributions, and what installs."""
    ours = {"sayit", "sayit-client", "sayit-eval"}
    expected = applying(requirements)
    assert {name: version for name, version in installed.items() if name in expected} == expected
    assert set(installed) - set(expected) - ours <= {"pip", "setuptools", "uv"}
    assert ours <= set(installed)


def test_the_index_of_the_test_does_offer_newer_versions(index: tuple[Path, str]) -> None:
    """Without a pin pip takes the newer one, so the test above can fail."""
    folder, _ = index
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--find-links", str(folder)]
    done = subprocess.run([*command, "--ignore-installed", "coverage"], capture_output=True, text=True, check=True)
    assert f"coverage-{_NEWER}" in done.stdout


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_lists_hold_hashes_and_no_addresses(path: Path) -> None:
    """Each pin has a hash; no line names an index, a URL or a file."""
    text = path.read_text(encoding="utf-8")
    pins = _PIN.findall(text)
    assert pins
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", text) if "==" in block.split("\n")[0])
    assert not re.search(r"://|^-|@ ", text, re.MULTILINE)


def test_the_list_is_what_the_tests_run_on() -> None:
    """The environment of this run holds the pinned versions."""
    text = (ROOT / "requirements" / "development.txt").read_text(encoding="utf-8")
    assert {name: metadata.version(name) for name in applying(text)} == applying(text)


def test_the_distributions_have_one_version() -> None:
    """`sayit` asks for the `sayit-client` and the `sayit-eval` that it was built with."""
    files = [ROOT / "pyproject.toml", *(ROOT / "clients" / name / "pyproject.toml" for name in ("python", "eval"))]
    ours, client, measuring = (tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files)
    assert ours["version"] == client["version"] == measuring["version"]
    assert f"sayit-client=={ours['version']}" in ours["dependencies"]
    assert ours["optional-dependencies"]["eval"] == [f"sayit-eval=={ours['version']}"]
