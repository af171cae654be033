"""What is taken out of a text, what stays, and what stands there then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayit.scheduler.assemble.redaction.texts import Redaction, key_of
from sayit.scheduler.assemble.redaction.transcripts import redacted, redacted_utterance
from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.options import Options
from sayit.speech.redaction import RedactedKind, RedactStyle
from sayit.speech.transcript import Segment, Word
from sayit.speech.word_times import spread

NAMES = ("김민수", "박서연", "Anna Bell")
ALL = Redaction(Options(redact=("all",), redact_names=NAMES))
_MARKED = re.compile(r"\{(\w+):([^}]*)\}")


def labelled(name: str) -> list[tuple[str, list[tuple[int, int]]]]:
    """The sentences of a file, and where personal data stands in each."""
    sentences = []
    for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        text, spans, done = "", [], 0
        for marked in _MARKED.finditer(line):
            text += line[done : marked.start()]
            spans.append((len(text), len(text) + len(marked[2])))
            text += marked[2]
            done = marked.end()
        sentences.append((text + line[done:], spans))
    return sentences


def measured(name: str) -> tuple[float, float]:
    """Recall of spans that are taken out as a whole, and precision of what is taken out."""
    whole = spans = right = found = 0
    for text, marked in labelled(name):
        taken = ALL.found(text)
        gone = {place for one in taken for place in range(one.start, one.end)}
        spans += len(marked)
        whole += sum(all(p in gone for p in range(start, end) if text[p].isalnum()) for start, end in marked)
        found += len(taken)
        right += sum(any(one.start < end and one.end > start for start, end in marked) for one in taken)
    return whole / spans, right / found


@pytest.mark.parametrize(("name", "recall", "precision"), [("sentences.txt", 1.0, 1.0), ("held_out.txt", 0.96, 0.96)])
def test_recall_and_precision_do_not_fall(name: str, recall: float, precision: float) -> None:
    """Of Korean and English sentences with and without personal data, as docs/quality.md has the figures."""
    assert measured(name) >= (pytest.approx(recall, abs=0.005), pytest.approx(precision, abs=0.005))


@pytest.mark.parametrize("name", ["sentences.txt", "held_out.txt"])
def test_redacted_text_holds_nothing_more(name: str) -> None:
    """Redacting again changes nothing, neither with tokens nor with hashes."""
    hashed = Redaction(replace(ALL.options, redact_style=RedactStyle.HASH), key_of("s" * 32, "acme"))
    for redaction in (ALL, hashed):
        for text, _ in labelled(name):
            once = redaction.text(text)
            assert redaction.text(once) == once


def test_only_kinds_that_are_asked_for_are_taken_out() -> None:
    """Other kinds stay as they were said."""
    text = "카드번호는 4111 1111 1111 1111, 이메일은 kim@naver.com, 전화는 010-1234-5678"
    assert Redaction(Options(redact=("card",))).text(text) == text.replace("4111 1111 1111 1111", "[CARD]")
    assert Redaction(Options(redact_names=("김민수",))).text(f"김민수 {text}") == f"[NAME] {text}"


def test_the_same_number_has_the_same_hash_of_a_tenant() -> None:
    """However it was said; another tenant's is another, and it holds no digit."""
    options = Options(redact=("phone",), redact_style=RedactStyle.HASH)
    ours, theirs = (Redaction(options, key_of("s" * 32, tenant)) for tenant in ("acme", "other"))
    said = [
        "010-1234-5678",
        "공일공 일이삼사 오육칠팔",
        "+82 10 1234 5678",
        "zero one zero one two three four five six seven eight",
    ]
    marks = {ours.text(one) for one in said}
    assert len(marks) == 1
    assert re.fullmatch(r"\[PHONE:[a-z]{10}\]", marks.pop())
    assert ours.text(said[0]) != theirs.text(said[0])
    assert ours.text("010-1234-5679") != ours.text(said[0])


def segment(text: str, start_s: float, *, words: bool = True, channel: int = 0) -> Segment:
    """A segment of four seconds."""
    spoken = spread(text, start_s, start_s + 4) if words else ()
    return Segment(id=0, start_s=start_s, end_s=start_s + 4, text=text, language="ko", channel=channel, words=spoken)


def texts(lists: Sequence[Sequence[Segment]]) -> list[list[str]]:
    """The texts of segments."""
    return [[one.text for one in segments] for segments in lists]


@pytest.mark.parametrize("words", [True, False])
def test_a_number_in_several_segments_and_chunks_is_one(words: bool) -> None:
    """Its mark stands where it begins, the rest of it is gone, and so is a segment that held nothing else."""
    chunks = [
        [segment("제 번호는 공일공", 0, words=words)],
        [segment("일이삼사", 5, words=words)],
        [segment("오육칠팔이고요, 이름은", 10, words=words), segment("김민수입니다.", 15, words=words)],
    ]
    now, marks = redacted(chunks, ALL)
    assert texts(now) == [["제 번호는 [PHONE]"], [], ["이고요, 이름은", "[NAME]입니다."]]
    assert [(one.kind, round(one.start_s), round(one.end_s)) for one in marks] == [
        (RedactedKind.PHONE, 2, 13),
        (RedactedKind.NAME, 15, 19),
    ]
    for segments in now:
        for one in segments:
            assert bool(one.words) is words
            assert not words or "".join(word.text for word in one.words).strip() == one.text


def test_channels_are_texts_of_their_own() -> None:
    """What the other channel says between two parts of a number does not part them."""
    now, marks = redacted(
        [
            [segment("공일공 일이삼사", 0, channel=1)],
            [segment("네 오육칠팔", 2, channel=2)],
            [segment("오육칠팔", 4, channel=1)],
        ],
        ALL,
    )
    assert texts(now) == [["[PHONE]"], ["네 오육칠팔"], []]
    assert [one.channel for one in marks] == [1]


def test_words_that_are_not_the_segments_text_hide_nothing() -> None:
    """Where a segment's words say something else than its text, the text counts."""
    odd = replace(
        segment("전화는 010-1234-5678", 0), words=(Word(text=" 010-1234", start_s=0, end_s=1, probability=1),)
    )
    [[now]], _ = redacted([[odd]], ALL)
    assert (now.text, [word.text for word in now.words]) == ("전화는 [PHONE]", [" 전화는", " [PHONE]"])


def test_live_text_hides_what_may_become_a_number() -> None:
    """Digits without a unit are hidden in an utterance by itself; quantities and words stay."""
    said = ["제 번호는 공일공이고요", "일이삼사 오육", "가격은 3,500원입니다", "이 사이에 오이를", "민수 골뱅이 네이버"]
    output = ChunkOutput(
        segments=tuple(segment(text, 5 * place) for place, text in enumerate(said)),
        language="ko",
        language_probability=1,
        suppressed=(),
        compute_s=0,
    )
    alone = [redacted_utterance(replace(output, segments=(one,)), ALL)[0].text for one in output.segments]
    assert alone == ["제 번호는 [NUMBER]고요", "[NUMBER]", said[2], said[3], "[EMAIL]"]


@pytest.mark.parametrize(
    "piece", ["a", "1", "1 ", "공일공 ", "@", "at ", "a 골뱅이 ", "double ", "twenty-", "AB12 ", "1,", "이 름 ", "공 "]
)
def test_the_time_is_linear(piece: str) -> None:
    """A long text of the same is searched; a pattern that goes back over it would not end."""
    length = 100_000 if piece in {"a", "1", "@"} else 5_000
    assert ALL.found(piece * (length // len(piece))) is not None


@given(st.text(max_size=60) | st.text("공일이삼사오육칠팔구영 -네,.0123456789 골뱅이닷at@", max_size=60))
def test_any_text_is_taken(text: str) -> None:
    """Whatever is said: what is found lies in the text, in order, without overlaps."""
    for live in (False, True):
        places = [place for one in ALL.found(text, live=live) for place in (one.start, one.end)]
        assert places == sorted(places)
        assert all(0 <= place <= len(text) for place in places)
        now, _ = redacted([[segment(text, 0, words=False)]], ALL)
        assert "\x00" in text or isinstance(now, list)
