"""Sentences of commands, in the user's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sayit.cli.messages
import sayit.scheduler.retention.backup
import sayit.transcriber.models
from sayit.cli.commands import whisper_flags
from sayit.cli.messages import in_korean

HERE = Path(sayit.cli.messages.__file__).parent
BACKUP = Path(sayit.scheduler.retention.backup.__file__).parent
#: What takes a sentence for people.
SPEAKING = {
    "note",
    "Failure",
    "ValueError",
    "StartError",
    "BackupError",
    "say",
    "_say",
    "__init__",
    "ok",
    "warn",
    "fail",
}


def sentences() -> Iterator[str]:
    """Every sentence that the code of the command line gives to one of them, with numbers for what it fills in."""
    for path in (*HERE.rglob("*.py"), *BACKUP.rglob("*.py"), Path(sayit.transcriber.models.__file__)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in SPEAKING
            ):
                yield from (_text(one) for one in node.args if isinstance(one, ast.JoinedStr | ast.Constant))


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values)


def test_every_sentence_is_there_in_korean() -> None:
    """None is missing; what is missing is named."""
    words = [one for one in sentences() if re.search("[A-Za-z]{2}", one)]
    assert len(words) > 30
    reasons = {
        *whisper_flags._WITHOUT_EFFECT.values(),
        *whisper_flags._SWITCHES_WITHOUT_EFFECT.values(),
    }
    words += [f"sayit: --fp16 has no effect here: {reason}." for reason in reasons]
    assert {one for one in words if in_korean(one) == one} <= {
        "sayit: 7 has no effect here: 7.",
        "interrupted by 7",
        "Python",
        "chmod 600 7",
    }  # `reasons`; an exception that is not shown; a name; a command


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("notes holds no recording", "notes에 녹음이 없습니다"),
        (
            "Key ab of tenant t; keep it now, it cannot be shown again:",
            "테넌트 t의 키 ab. 다시 볼 수 없으니 지금 보관하세요:",
        ),
        (
            "No such option: --beam (Possible options: --beam-size)",
            "없는 옵션입니다: --beam (비슷한 옵션: --beam-size)",
        ),
        ("No such command 'x'. Did you mean 'y'?", "없는 명령입니다: 'x'. 'y'일까요?"),
        ("Invalid value for '--n': Input should be a valid integer", "'--n' 값이 올바르지 않습니다: 정수가 아닙니다"),
        (
            "  sayit: the database /d/x.db cannot be used: file is not a database",
            "  sayit: 데이터베이스 /d/x.db을(를) 사용할 수 없습니다: 데이터베이스 파일이 아닙니다",
        ),
        ("a sentence that is not known", "a sentence that is not known"),
    ],
)
def test_what_a_sentence_names_stays(english: str, korean: str) -> None:
    """In the place that it has in Korean; other lines are left as they are."""
    assert in_korean(english) == korean
