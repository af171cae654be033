"""Stubs in other languages come out of the definitions without a flag."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).parents[2] / "protos"
PUBLIC = sorted((PROTOS / "sayit/v1").glob("*.proto"))
#: What protoc generates by itself, and where one file of it lies.
BUILT_IN = {
    "cpp": "sayit/v1/resources.pb.h",
    "csharp": "Resources.cs",
    "java": "sayit/v1/Job.java",
    "objc": "sayit/v1/Resources.pbobjc.h",
    "php": "SayIt/V1/Job.php",
    "ruby": "sayit/v1/resources_pb.rb",
}
#: In each of its files, what the options asked for.
NAMED = {"csharp": "namespace SayIt.V1", "java": "package sayit.v1;", "objc": "SAYJob", "php": "namespace SayIt\\V1;"}


def test_protoc_generates_every_language_that_it_knows(tmp_path: Path) -> None:
    """No flag but the language is given, and packages and names are those of the language."""
    outs = [f"--{language}_out={tmp_path / language}" for language in BUILT_IN]
    for language in BUILT_IN:
        (tmp_path / language).mkdir()
    protoc = Path(sys.executable).with_name("protoc")
    done = subprocess.run(
        [protoc, "-I", PROTOS, *outs, *PUBLIC], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    for language, name in BUILT_IN.items():
        text = (tmp_path / language / name).read_text(encoding="utf-8")
        assert NAMED.get(language, "") in text


@pytest.mark.skipif(
    not (shutil.which("protoc-gen-go") and shutil.which("protoc-gen-go-grpc")),
    reason="there are no protoc-gen-go and protoc-gen-go-grpc here",
)
def test_go_stubs_need_no_flag(tmp_path: Path) -> None:
    """Messages and services of all files in one package, below the path that the definitions name."""
    protoc = Path(sys.executable).with_name("protoc")
    outs = [f"--go_out={tmp_path}", f"--go-grpc_out={tmp_path}"]
    done = subprocess.run(
        [protoc, "-I", PROTOS, *outs, *PUBLIC], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    made = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "sayit/v1").iterdir()}
    assert len(made) == 2 * len(PUBLIC) - 1  # resources have no service
    assert all("\npackage sayitv1\n" in text for text in made.values())
    assert "func NewTranscriptionServiceClient(" in made["transcription_service_grpc.pb.go"]


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.stem)
def test_every_definition_names_its_packages(path: Path) -> None:
    """Go and Swift need plugins that not every machine has: that their options are there is seen in the text."""
    text = path.read_text(encoding="utf-8")
    assert 'option go_package = "sayit/v1;sayitv1";' in text
    assert 'option swift_prefix = "SayIt";' in text
