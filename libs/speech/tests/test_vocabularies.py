"""Vocabularies are checked, and come before what a request says itself."""

from __future__ import annotations

import pytest

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import MAX_PROMPT_CHARS, Options
from sayit.speech.vocabularies import MAX_WORD_CHARS, MAX_WORDS, Vocabulary, checked_vocabulary
from sayit.speech.wire import vocabulary_from_proto, vocabulary_to_proto


def test_words_are_made_plain():
    """White space is one space, every word counts once, the order stays."""
    made = checked_vocabulary("team.a-1_x", [" 세이잇  앱 ", "Whisper", "세이잇 앱"], "  주간 회의. ")
    assert (made.words, made.prompt, made.hotwords) == (("세이잇 앱", "Whisper"), "주간 회의.", "세이잇 앱, Whisper")
    assert checked_vocabulary("n" * 64, [], "a text alone").words == ()
    assert len(checked_vocabulary("v", [f"w{i}" for i in range(MAX_WORDS)], "").words) == MAX_WORDS


@pytest.mark.parametrize(
    ("name", "words", "prompt", "field"),
    [
        *((name, ["a"], "", "name") for name in ("", "n" * 65, "-a", ".", "a/b", "a b", "단어", "a\n", "a\0")),
        *(("v", [word], "", "words") for word in ("", "  ", "a,b", "a\0b", "\u200b", "x" * (MAX_WORD_CHARS + 1))),
        ("v", [f"w{i}" for i in range(MAX_WORDS + 1)], "", "words"),
        ("v", [f"{i:03}" + "x" * 60 for i in range(40)], "", "words"),
        ("v", [], "x" * (MAX_PROMPT_CHARS + 1), "prompt"),
        ("v", [], "a\0b", "prompt"),
        ("v", [], " ", "words"),
    ],
)
def test_what_cannot_be_stored_names_its_field(name, words, prompt, field):
    """Nothing, too much and garbage are refused in both languages."""
    with pytest.raises(SayItError) as caught:
        checked_vocabulary(name, words, prompt)
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_VOCABULARY, field)
    assert field in caught.value.message("en")
    assert field in caught.value.message("ko")


def test_its_words_and_text_come_first():
    """Nothing else of the options changes; what is empty leaves no comma behind."""
    options = Options(language="ko", prompt="오늘", hotwords="나, 너", vocabulary="v")
    both = Vocabulary(name="v", words=("a b", "c"), prompt="Meeting.")
    applied = both.applied(options)
    assert (applied.prompt, applied.hotwords) == ("Meeting. 오늘", "a b, c, 나, 너")
    assert (applied.language, applied.vocabulary) == ("ko", "v")
    alone = Vocabulary(name="v", words=("a",)).applied(Options(vocabulary="v"))
    assert (alone.prompt, alone.hotwords) == ("", "a")


@pytest.mark.parametrize("field", ["prompt", "hotwords"])
def test_together_they_have_the_limit_of_one(field):
    """Each fits alone, both do not: the request's field is at fault, and the error names the vocabulary."""
    vocabulary = checked_vocabulary("mine", [f"{i:03}" + "x" * 57 for i in range(30)], "x" * 1900)
    with pytest.raises(SayItError) as caught:
        vocabulary.applied(Options(**{field: "y" * 200}))
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_OPTION, field)
    assert "'mine'" in caught.value.message("en")


def test_there_and_back():
    """A vocabulary survives its message."""
    vocabulary = Vocabulary(name="v", words=("가", "b"), prompt="p", created_at_s=1.5, updated_at_s=2.25)
    assert vocabulary_from_proto(vocabulary_to_proto(vocabulary)) == vocabulary
