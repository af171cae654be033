"""Text that nobody said goes, text that somebody said stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sayit.scheduler.assemble.hallucination import HallucinationFilter, PhrasesError, load_phrases
from sayit.scheduler.assemble.hallucination.phrases import Doubt
from sayit.speech.options import Guard
from sayit.speech.transcript import Segment, Span, SuppressionReason
from sayit.speech.word_times import spread

GUARD = HallucinationFilter(load_phrases())
RECORDINGS = Path(__file__).parents[5] / "recordings"
#: Labels that say when what is said.
TIMED = [path for path in sorted(RECORDINGS.glob("*.json")) if "segments" in json.loads(path.read_text())]
SPEECH = (Span(start_s=0.0, end_s=10.0), Span(start_s=20.0, end_s=30.0))
OUTRO = "시청해주셔서 감사합니다."


def segment(text: str, start_s: float = 1.0, end_s: float = 4.0, **figures: float) -> Segment:
    """Said with confidence, unless the figures say otherwise."""
    sure = {"avg_logprob": -0.2, "compression_ratio": 1.2, "no_speech_prob": 0.01}
    return Segment(id=0, start_s=start_s, end_s=end_s, text=text, language="ko", **(sure | figures))  # type: ignore[arg-type]


def judged(*segments: Segment, guard: Guard = Guard.STANDARD) -> tuple[list[str], list[tuple[str, SuppressionReason]]]:
    """The texts that stay, and those that go with their reasons."""
    (kept,), removed = GUARD.recording([segments], guard, speech=SPEECH)
    return [one.text for one in kept], [(one.text, one.reason) for one in removed]


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({}, None),
        ({"avg_logprob": -2.0}, None),
        ({"no_speech_prob": 0.9}, None),
        ({"no_speech_prob": 0.9, "avg_logprob": -1.2}, SuppressionReason.NO_SPEECH),
        ({"compression_ratio": 3.0}, None),
        ({"compression_ratio": 3.0, "avg_logprob": -1.2}, SuppressionReason.REPETITION),
        ({"start_s": 12.0, "end_s": 15.0}, None),
        ({"start_s": 12.0, "end_s": 15.0, "no_speech_prob": 0.7}, SuppressionReason.OUTSIDE_SPEECH),
        ({"start_s": 12.0, "end_s": 15.0, "avg_logprob": -1.2}, SuppressionReason.OUTSIDE_SPEECH),
        ({"start_s": 12.0, "end_s": 15.0, "avg_logprob": -0.5}, None),
        ({"start_s": 12.0, "end_s": 15.0, "compression_ratio": 3.0}, SuppressionReason.OUTSIDE_SPEECH),
        ({"start_s": 8.0, "end_s": 12.0, "avg_logprob": -1.2}, None),
        ({"start_s": 31.0, "end_s": 31.0, "avg_logprob": -1.2}, SuppressionReason.OUTSIDE_SPEECH),
        ({"start_s": 30.2, "end_s": 30.2, "avg_logprob": -1.2}, None),
    ],
)
def test_one_sign_is_not_enough(figures: dict[str, float], reason: SuppressionReason | None) -> None:
    """Of no speech there, no speech heard, doubt and repetition two must agree."""
    kept, removed = judged(segment("오늘 회의를 시작하겠습니다.", **figures))
    assert [why for _, why in removed] == ([reason] if reason else [])
    assert len(kept) == (0 if reason else 1)


def test_strict_takes_what_one_sign_speaks_against() -> None:
    """Text outside of speech goes however sure the model is; off takes nothing, whatever speaks against it."""
    outside = segment("오늘 회의를 시작하겠습니다.", 12.0, 15.0)
    assert judged(outside, guard=Guard.STRICT)[1] == [(outside.text, SuppressionReason.OUTSIDE_SPEECH)]
    worst = segment(OUTRO, 12.0, 15.0, avg_logprob=-3.0, no_speech_prob=1.0, compression_ratio=9.0)
    assert judged(worst, guard=Guard.OFF) == ([OUTRO], [])
    assert judged(worst)[0] == []


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (OUTRO, Doubt.SOME),
        ("시청해 주셔서 감사합니다", Doubt.SOME),
        ("MBC 뉴스 이덕영입니다.", Doubt.SOME),
        ("시청해주셔서 감사합니다. 구독과 좋아요 부탁드립니다!", Doubt.SOME),
        ("시청해주셔서 감사합니다. 안녕히 계세요.", Doubt.MUCH),
        ("Thanks for watching!", Doubt.SOME),
        ("Subtitles by the Amara.org community", Doubt.SOME),
        ("자막 제공 배달의민족", Doubt.SOME),
        ("Translated by my sister.", Doubt.MUCH),
        ("Thank you.", Doubt.MUCH),
        ("감사합니다.", Doubt.MUCH),
        ("회의에 와 주셔서 감사합니다.", None),
        ("시청해주셔서 감사합니다. 다음은 예산입니다.", None),
        ("Thanks for watching the kids yesterday.", None),
        ("...", None),
    ],
)
def test_known_phrases_are_recognised(text: str, doubt: Doubt | None) -> None:
    """Whatever the spaces and the punctuation, and only if nothing else is said."""
    assert load_phrases().known(text) == doubt


def test_known_phrases_go_when_in_doubt() -> None:
    """Who says them clearly keeps them, credits of subtitles too; what people often say takes much doubt."""
    credit, ordinary = "Subtitles by the Amara.org community", "Translated by her sister in 1910."
    assert judged(segment(OUTRO)) == ([OUTRO], [])
    assert judged(segment(OUTRO, avg_logprob=-0.7)) == ([OUTRO], [])
    assert judged(segment(OUTRO, avg_logprob=-0.7, no_speech_prob=0.4))[1] == [(OUTRO, SuppressionReason.KNOWN_PHRASE)]
    assert judged(segment(OUTRO, avg_logprob=-1.1))[1] == [(OUTRO, SuppressionReason.KNOWN_PHRASE)]
    assert judged(segment(OUTRO, 9.9, 13.0))[1] == [(OUTRO, SuppressionReason.KNOWN_PHRASE)]
    assert judged(segment(credit)) == ([credit], [])
    assert judged(segment(credit, no_speech_prob=0.7))[1] == [(credit, SuppressionReason.KNOWN_PHRASE)]
    assert judged(segment(ordinary, avg_logprob=-1.5, no_speech_prob=0.5)) == ([ordinary], [])
    assert judged(segment("감사합니다.", avg_logprob=-0.7)) == (["감사합니다."], [])
    assert judged(segment("감사합니다.", 13.0, 15.0))[1] == [("감사합니다.", SuppressionReason.KNOWN_PHRASE)]


def test_more_phrases_come_from_a_file(tmp_path: Path) -> None:
    """An installation adds its own; a file that is not there stops the start with its name."""
    file = tmp_path / "phrases.txt"
    file.write_text("# ours\n\n!우리 회사 * 제공\n", encoding="utf-8")
    assert load_phrases(file).known("우리 회사 홍보팀 제공.") is Doubt.SOME
    assert load_phrases(file).known(OUTRO) is Doubt.SOME
    with pytest.raises(PhrasesError, match=r"nowhere\.txt"):
        load_phrases(tmp_path / "nowhere.txt")


@pytest.mark.parametrize("with_words", [False, True])
def test_loops_are_said_once(with_words: bool) -> None:
    """The first time stays with its times; what goes is listed with its own."""
    text = "네 그래서 " + "정말 좋아요 " * 6 + "끝났습니다"
    said = segment(text, 0.0, 10.0, avg_logprob=-0.7)
    if with_words:
        said = Segment(**{**vars(said), "words": spread(text, 0.0, 10.0)})
    (kept,), removed = GUARD.recording([[said]], Guard.STANDARD, speech=SPEECH)
    assert kept[0].text == "네 그래서 정말 좋아요 끝났습니다"
    assert "".join(word.text for word in kept[0].words).strip() == (kept[0].text if with_words else "")
    (loop,) = removed
    assert (loop.text, loop.reason) == ("정말 좋아요 " * 4 + "정말 좋아요", SuppressionReason.REPETITION)
    assert 1.0 < loop.start_s < loop.end_s < 10.0


def test_a_loop_outside_of_speech_goes_as_a_whole() -> None:
    """There not even the first time was said."""
    text = "window " * 20 + "window"
    assert judged(segment(text, 12.0, 15.0)) == ([], [(text, SuppressionReason.OUTSIDE_SPEECH)])


def test_letters_in_a_loop_are_said_once() -> None:
    """아아아아아 … is one of Whisper's favourites."""
    kept, ((gone, reason),) = judged(segment("네 " + "아" * 40))
    assert kept == ["네 아"]
    assert (gone, reason) == ("아" * 39, SuppressionReason.REPETITION)


@pytest.mark.parametrize(
    "text", ["네 네 네 네 네", "no no no no", "정말 좋아요 " * 3 + "정말 좋아요", "하하하하하", "아니 " * 9 + "아니"]
)
@pytest.mark.parametrize("guard", [Guard.STANDARD, Guard.STRICT])
def test_people_repeat_themselves(text: str, guard: Guard) -> None:
    """What a voice can say in the time stays, said as often as it was, while nothing else speaks against it."""
    assert judged(segment(text), guard=guard) == ([text], [])


def test_more_than_a_voice_can_say_is_a_loop() -> None:
    """However sure the model is; so is what no speaker says so often in a row."""
    assert judged(segment("정말 좋아요 " * 12, 1.0, 4.0))[0] == ["정말 좋아요"]
    assert judged(segment("네 " * 25, 0.0, 10.0))[0] == ["네"]


def test_the_same_segment_again_and_again_is_said_once() -> None:
    """Also across chunks, where the model is not sure of it; what stands between makes it speech again."""
    sure = [segment("정말 그렇습니다.", 2.0 * place, 2.0 * place + 2) for place in range(4)]
    assert judged(*sure) == ([one.text for one in sure], [])
    again = [replace(one, avg_logprob=-0.7) for one in sure]
    kept, removed = GUARD.recording([again[:2], again[2:]], Guard.STANDARD, speech=None)
    assert [[one.text for one in chunk] for chunk in kept] == [["정말 그렇습니다."], []]
    assert [one.start_s for one in removed] == [2.0, 4.0, 6.0]
    kept, removed = GUARD.recording([[*again[:3], segment("네.", 6.0, 7.0), *again[3:]]], Guard.STANDARD, speech=None)
    assert removed == ()


@pytest.mark.parametrize("guard", [Guard.STANDARD, Guard.STRICT])
@pytest.mark.parametrize("label", TIMED, ids=lambda path: path.stem)
def test_what_is_said_in_our_recordings_stays(label: Path, guard: Guard) -> None:
    """Phrase by phrase, as labelled, with the speech where the label has it."""
    phrases = json.loads(label.read_text())["segments"]
    speech = [Span(start_s=one["start"], end_s=one["end"]) for one in phrases]
    said = [segment(one["text"], one["start"], one["end"]) for one in phrases]
    (kept,), removed = GUARD.recording([said], guard, speech=speech)
    assert (kept, removed) == (tuple(said), ())


def test_channels_are_judged_apart() -> None:
    """Speech in one channel is none in another, and what two people say to each other in turns is no loop."""
    doubtful = replace(segment("누가 말했나요", 1.0, 4.0, avg_logprob=-1.2), channel=2)
    answers = [replace(segment("네.", at, at + 0.5), channel=channel) for at in (2.0, 4.0) for channel in (1, 2)]
    turns = [one for one in answers for _ in range(3)]
    by_channel = sorted([doubtful, *turns], key=lambda one: one.channel)
    speech = [replace(span, channel=1) for span in SPEECH]
    (kept,), removed = GUARD.recording([by_channel], Guard.STANDARD, speech=speech)
    assert [(one.channel, one.reason) for one in removed if one.text == doubtful.text] == [
        (2, SuppressionReason.OUTSIDE_SPEECH)
    ]
    (kept,), removed = GUARD.recording([turns[:5] + turns[5:6]], Guard.STANDARD, speech=None)
    assert (list(kept), removed) == (turns[:6], ())
