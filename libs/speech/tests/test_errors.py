"""Errors have stable codes, sentences in two languages, and never fail to print."""

from __future__ import annotations

import re
import string

import pytest

from sayit.speech.errors import ErrorKind, SayItError, Sentence

HANGUL = re.compile("[가-힣]")


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_speaks_english_and_korean_about_the_same_details(kind):
    """Both sentences exist, are in their language, and are templates over the same details."""
    sentence = kind.value
    assert sentence.en
    assert not HANGUL.search(sentence.en)
    assert HANGUL.search(sentence.ko)
    names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (sentence.en, sentence.ko)]
    assert names[0] == names[1]


@pytest.mark.parametrize("kind", ErrorKind)
def test_codes_lead_back_to_their_kinds(kind):
    """A kind's code is upper case and of_code finds the kind again."""
    assert re.fullmatch("[A-Z]+(_[A-Z]+)*", kind.code)
    assert ErrorKind.of_code(kind.code) is kind


def test_no_two_kinds_are_one():
    """No two kinds share their sentences: an Enum would silently make the second an alias of the first."""
    assert len(list(ErrorKind)) == len(ErrorKind.__members__)


def test_an_unknown_code_is_internal():
    """A code of a newer version becomes INTERNAL."""
    assert ErrorKind.of_code("NOT_INVENTED_YET") is ErrorKind.INTERNAL


def test_retryable_kinds():
    """Exactly the try-later kinds are retryable."""
    retryable = {kind.code for kind in ErrorKind if kind.retryable}
    assert retryable == {"RATE_LIMITED", "OVERLOADED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}


def test_messages_are_filled_with_the_details():
    """The sentence carries the details; any Korean tag gives Korean, any other language English."""
    error = SayItError(ErrorKind.FILE_TOO_LARGE, limit_mb=100)
    assert error.code == "FILE_TOO_LARGE"
    assert str(error) == "The file is larger than 100 MB."
    assert error.message("ko-KR") == "파일이 100 MB보다 큽니다."
    assert error.message("fr") == error.message("en")


def test_the_field_at_fault_is_part_of_the_message():
    """`field` is a detail too."""
    error = SayItError(ErrorKind.INVALID_OPTION, field="beam_size", reason="11 is not between 0 and 10")
    assert error.field == "beam_size"
    assert str(error) == "The option beam_size is not valid: 11 is not between 0 and 10"


def test_an_error_without_its_details_still_prints():
    """Details that an older peer did not send appear as a question mark."""
    assert str(SayItError(ErrorKind.JOB_NOT_FOUND)) == "There is no job ?."


def test_a_codec_that_is_not_named_is_left_out():
    """Errors that were stored by a version before their codec was named, or whose name was nothing to show."""
    for error in (SayItError(ErrorKind.UNSUPPORTED_CODEC), SayItError(ErrorKind.UNSUPPORTED_CODEC, audio="")):
        assert str(error) == "The file's audio is in a codec that SayIt does not decode."
        assert error.message("ko") == "파일의 오디오 코덱을 지원하지 않습니다."


def test_a_peers_sentences_replace_the_template():
    """Finished sentences are shown as they are, braces included."""
    error = SayItError(ErrorKind.AUDIO_TOO_LONG, sentences=Sentence(en="Longer than 5 {x}.", ko="5분보다 깁니다."))
    assert (str(error), error.message("ko")) == ("Longer than 5 {x}.", "5분보다 깁니다.")


def test_the_cause_never_reaches_a_message():
    """`cause` is for the log only."""
    error = SayItError(ErrorKind.INTERNAL, cause="secret path")
    assert "secret" not in str(error) + error.message("ko")


def test_braces_in_details_are_text():
    """A detail that looks like a template is not expanded."""
    error = SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language="{kind}")
    assert str(error) == "The language '{kind}' is not supported."


@pytest.mark.parametrize(
    ("reason", "korean"),
    [
        ("longer than 64 characters", "64자를 넘습니다"),
        ("wait: Input should be less than or equal to 3600", "wait: 3600 이하여야 합니다"),
        (
            "task: Input should be 'transcribe' or 'translate'",
            "task: 다음 중 하나여야 합니다: 'transcribe', 'translate'",
        ),
        ("2.5 is not between 0 and 1", "2.5은(는) 0에서 1 사이가 아닙니다"),
        ("what is in no label", "what is in no label"),
    ],
)
def test_reasons_are_korean_inside_korean_sentences(reason: str, korean: str) -> None:
    """As far as they are known; the English sentence has them as they are."""
    error = SayItError(ErrorKind.INVALID_ARGUMENT, reason=reason)
    assert error.message("ko") == f"요청이 올바르지 않습니다: {korean}"
    assert error.message("en").endswith(reason)
