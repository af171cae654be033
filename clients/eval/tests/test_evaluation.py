"""Labels, counting, statistics and reports of `sayit eval`."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest

from clients.cli.tests.helper import transcript
from sayit.cli.commands.arguments import TextOptions
from sayit.cli.connection import SuiteChoice
from sayit.cli.exit_codes import Exit, Failure
from sayit.eval import command, tables
from sayit.eval.comparison import compare
from sayit.eval.labels import Label, Phrase
from sayit.eval.layouts import LabelError, find
from sayit.eval.measurement import Measured, Reading, boundaries_between
from sayit.eval.report import ReportError, groups, load, report
from sayit.eval.scores import (
    Normaliser,
    character_errors,
    comparable,
    invented,
    lost_and_doubled,
    normalise,
    spaced_alike,
    word_errors,
)
from sayit.eval.statistics import difference, rate
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Channels, Context, DecodingOverrides, Options
from sayit.speech.transcript import Segment, Span

RECORDINGS = Path(__file__).parents[3] / "recordings"


def _write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def _label(text: str, *, language: str = "ko", name: str = "a", tags: tuple[str, ...] = ()) -> Label:
    """Phrases of two seconds each, two seconds apart."""
    phrases = tuple(
        Phrase(start_s=4.0 * i, end_s=4.0 * i + 2, language=language, text=phrase)
        for i, phrase in enumerate(text.split("/"))
    )
    return Label(
        audio=Path("a.wav"), name=name, text=text.replace("/", " "), languages=(language,), phrases=phrases, tags=tags
    )


def _reading(*texts: str, boundaries: tuple[Span, ...] | None = ()) -> Reading:
    return Reading(transcript=transcript(*texts), wall_s=2.0, boundaries=boundaries)


def test_our_own_recordings_are_all_found() -> None:
    """Every label of the repository is read, a synthetic one's with its times, and says its languages and tags."""
    found = {label.name: label for label in find(RECORDINGS)}
    assert set(found) == {path.stem for path in RECORDINGS.glob("*.json")}
    assert found["ko-en-180s"].languages == ("ko", "en")
    assert found["ko-en-180s"].language == "auto"
    assert found["ko-8s"].language == "ko"
    assert all(label.timed == ("synthetic" in label.tags) != ("real" in label.tags) for label in found.values())
    assert " ".join(word.text.strip() for word in found["ko-8s"].words) == found["ko-8s"].text


def test_bare_texts_are_labels(tmp_path: Path) -> None:
    """NAME.txt beside a recording is its text; its letters tell the language; recordings without one are left out."""
    _write(tmp_path / "sub" / "one.mp3")
    _write(tmp_path / "sub" / "one.txt", "안녕하세요 여러분\n")
    _write(tmp_path / "two.wav")
    _write(tmp_path / "two.txt", "Good morning.")
    _write(tmp_path / "three.wav")
    found = find(tmp_path)
    assert [(label.name, label.language) for label in found] == [("sub/one", "ko"), ("two", "en")]
    assert not any(label.timed for label in found)
    _write(tmp_path / "two.mp3")
    assert [label.name for label in find(tmp_path)] == ["sub/one", "two.mp3", "two.wav"]


def test_libri_speech_is_found(tmp_path: Path) -> None:
    """Its transcripts name the recordings beside them; a missing one is an error that says which."""
    folder = tmp_path / "1089" / "134686"
    _write(folder / "1089-134686.trans.txt", "1089-134686-0000 HE HOPED\n1089-134686-0001 STUFF IT\n")
    for number in range(2):
        _write(folder / f"1089-134686-000{number}.flac")
    assert [(one.text, one.languages) for one in find(tmp_path)] == [("HE HOPED", ("en",)), ("STUFF IT", ("en",))]
    (folder / "1089-134686-0001.flac").unlink()
    with pytest.raises(LabelError, match=r"1089-134686-0001\.flac"):
        find(tmp_path)


@pytest.mark.parametrize("place", ["audio/test", "test", "."])
def test_fleurs_is_found(tmp_path: Path, place: str) -> None:
    """Its tables name recordings in the places in which its archives put them; another table is none of it."""
    row = "1\t12.wav\t안녕하세요, 여러분.\t안녕하세요 여러분\t안 녕\t16000\tFEMALE\n"
    _write(tmp_path / "ko_kr" / "test.tsv", row)
    _write(tmp_path / "ko_kr" / place / "12.wav")
    _write(tmp_path / "other.tsv", "start\tend\n")
    _write(tmp_path / "ko_kr" / "train.tsv", row.replace("12.wav", "99.wav"))  # its recordings were not fetched
    (label,) = find(tmp_path)
    assert (label.text, label.languages) == ("안녕하세요, 여러분.", ("ko",))


@pytest.mark.parametrize("text", ["no json", "[]", '{"segments": [{"start": 1}]}', '{"text": "a", "tags": 3}'])
def test_a_malformed_label_is_named(tmp_path: Path, text: str) -> None:
    """Whoever wrote it learns which file it is."""
    _write(tmp_path / "a.wav")
    _write(tmp_path / "a.json", text)
    with pytest.raises(LabelError, match=r"a\.json"):
        find(tmp_path)


def test_silence_is_where_nothing_is_said_for_long() -> None:
    """Long stretches only, with a margin beside speech; all of a recording in which nothing is said."""
    label = _label("하나/둘")
    assert label.silences(12.0) == (Span(start_s=2.5, end_s=3.5), Span(start_s=6.5, end_s=12.0))
    assert label.silences(7.0) == (Span(start_s=2.5, end_s=3.5),)
    nothing = Label(audio=Path("a.wav"), name="a", text="", languages=())
    assert nothing.silences(60.0) == (Span(start_s=0.0, end_s=60.0),)


@pytest.mark.parametrize(
    ("text", "languages", "normaliser", "same"),
    [
        ("It's twenty-one colours, Mr. Kim!", ("en",), Normaliser.STANDARD, "it is 21 colors mister kim"),
        ("It's twenty-one!", ("en",), Normaliser.BASIC, "it s twenty one"),
        ("안녕하세요, (웃음) 여러분!", ("ko",), Normaliser.STANDARD, "안녕하세요 여러분"),
        ("안녕하세요, AI colour.", ("ko", "en"), Normaliser.STANDARD, "안녕하세요 ai color"),
        ("안녕", ("ko",), Normaliser.BASIC, "안녕"),
    ],
)
def test_texts_are_made_comparable(text: str, languages: tuple[str, ...], normaliser: Normaliser, same: str) -> None:
    """English as Whisper's authors do, Hangul in whole syllables whatever the rules did to them."""
    assert normalise(text, languages, normaliser) == same


def test_errors_are_counted() -> None:
    """Words and letters; with nothing said every word written is one too many."""
    assert word_errors("a b c d", "a x c d e") == 2
    assert word_errors("", "a b") == 2
    assert word_errors("a b", "") == 2
    assert character_errors("한국 말", "한국말") == 0
    assert character_errors("한국 말", "한국 달") == 1


@pytest.mark.parametrize(
    ("said", "written", "respaced"),
    [
        ("한국 말 하기", "한국말하기", "한국 말 하기"),
        ("한국말", "한국 말", "한국말"),
        ("하나 둘 셋", "하나셋", "하나 셋"),
        ("하나 셋", "하나 둘 셋", "하나 둘 셋"),
        ("하나", "", ""),
    ],
)
def test_korean_spaces_are_a_choice(said: str, written: str, respaced: str) -> None:
    """Spaces move to where they were said; what was not said keeps its own."""
    assert spaced_alike(said, written) == respaced


def test_loss_and_doubling_are_those_near_a_boundary() -> None:
    """A word lost a second or less from where chunks meet is the boundary's, one in the middle of a chunk is not."""
    said = comparable(_label("하나 둘/셋 넷/다섯 여섯").words, ("ko",))
    boundary = (Span(start_s=2.0, end_s=4.0),)
    assert lost_and_doubled(said, ["하나", "셋", "넷", "다섯"], boundary) == (1, 0)
    assert lost_and_doubled(said, ["하나", "둘", "둘", "셋", "넷", "다섯", "여섯"], boundary) == (0, 1)
    assert lost_and_doubled(said, ["하나", "둘", "셋", "넷"], boundary) == (0, 0)
    assert lost_and_doubled(said, [], boundary) == (2, 0)


def test_invented_words_are_those_that_nothing_said_explains() -> None:
    """A word in silence counts if it was not said; a word that was said a little late does not."""
    silences = (Span(start_s=5.0, end_s=20.0),)
    written = [("하나", 1.0), ("시청해주셔서", 8.0), ("감사합니다", 9.0), ("둘", 21.0)]
    assert invented(["하나", "둘"], written, silences) == 2
    assert invented(["하나", "둘"], [("하나", 1.0), ("둘", 8.0)], silences) == 0
    assert invented([], [("MBC", 8.0)], silences) == 1
    assert invented([], [], silences) == 0


def test_boundaries_lie_between_the_texts_of_chunks() -> None:
    """Also where their times overlap; a chunk without text has none."""

    def chunk(start_s: float, end_s: float) -> tuple[Segment, ...]:
        return (Segment(id=0, start_s=start_s, end_s=end_s, text="a", language="en"),)

    assert boundaries_between([chunk(0, 9), (), chunk(10, 20), chunk(19, 30)]) == (
        Span(start_s=9, end_s=10),
        Span(start_s=19, end_s=20),
    )


def test_a_rate_knows_how_sure_it_is() -> None:
    """The interval holds the rate, shrinks with more recordings, and is the same every time."""
    chance = random.Random(4)
    errors = [chance.randrange(5) for _ in range(400)]
    few, many = rate(errors[:10], [20] * 10), rate(errors, [20] * 400)
    for found in (few, many):
        assert None not in (found.value, found.low, found.high)
        assert found.low < found.value < found.high  # type: ignore[operator]  # asserted above
    assert many.high - many.low < few.high - few.low  # type: ignore[operator]  # as above
    assert rate(errors, [20] * 400) == many
    assert rate([1], [10]).low is None
    assert rate([1], [0]).value is None


def test_differences_are_significant_when_they_are() -> None:
    """One word fewer wrong in each of twelve recordings is; as much up as down is not. Exact by hand for few."""
    worse = difference([1] * 12, [2] * 12, [10] * 12)
    assert worse.significant
    assert worse.p == pytest.approx(2 / 2**12)
    assert (worse.low, worse.high) == (pytest.approx(0.1), pytest.approx(0.1))
    mixed = difference([1, 2] * 20, [2, 1] * 20, [10] * 40)
    assert not mixed.significant
    assert mixed.p > 0.5
    assert difference([1], [1], [10]).p == 1.0


def test_a_report_is_kept_read_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What one run found can be compared later, by group; a recording without a transcript is named with its code."""
    labels = [
        _label("하나 둘", name="a", tags=("fast",)),
        _label("one two", language="en", name="b"),
        _label("셋", name="c"),
    ]
    failed = SayItError(ErrorKind.INVALID_FORMAT)
    good = Measured(readings=(_reading("하나 둘"), _reading("one two"), failed), wall_s=3.0)
    bad = Measured(readings=(_reading("하나"), _reading("one two two", boundaries=None), failed), wall_s=3.0)
    first, second = (report(labels, run, Normaliser.BASIC, {"model": "micro"}) for run in (good, bad))
    assert first.failed == {"c": "INVALID_FORMAT"}
    assert list(groups(first.recordings)) == ["all", "language en", "language ko", "length up to 30 s", "tag fast"]
    assert [one.doubled for one in second.recordings] == [0, None]
    for name, one in (("a", first), ("b", second)):
        one.save(tmp_path / f"{name}.json")
        assert load(tmp_path / f"{name}.json") == one
    by_group = {(one.group, one.measure): one.difference for one in compare(first, second)}
    assert by_group["all", "WER"].second == pytest.approx(2 / 4)
    assert by_group["tag fast", "WER"].second == pytest.approx(1 / 2)
    assert by_group["language en", "CER"].second == pytest.approx(3 / 6)
    tables.show_report(second, markdown=False)
    tables.show_report(second, markdown=True)
    command.compare_saved(tmp_path / "a.json", tmp_path / "b.json", as_json=False)
    shown = capsys.readouterr().out
    assert "c: failed [INVALID_FORMAT]" in shown
    assert "| tag fast | 1 | 12 s | 2 | 50.0 |" in shown
    assert "+50.00" in shown


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    """Other recordings, other labels, another way of counting, no report at all."""

    def made(text: str, name: str, normaliser: Normaliser = Normaliser.BASIC):
        return report([_label(text, name=name)], Measured(readings=(_reading(text),), wall_s=1), normaliser, {})

    for other in (made("하나", "b"), made("둘", "a"), made("하나", "a", Normaliser.STANDARD)):
        with pytest.raises(ReportError):
            compare(made("하나", "a"), other)
    for text in ("no json", "[]", "{}", json.dumps({"version": 2})):
        with pytest.raises(Failure) as caught:
            command.compare_saved(_write(tmp_path / "x.json", text), tmp_path / "x.json", as_json=False)
        assert caught.value.status is Exit.USAGE


def test_a_second_configuration_changes_what_it_is_told(tmp_path: Path) -> None:
    """Options, decode options too; a list of languages means that the labels' own are not asked for."""
    call = command.Evaluation(
        folder=tmp_path,
        language="",
        text=TextOptions(decoding=["best_of=2"]),
        versus=["languages=ko,en", "context=sequential", "channels=split", "temperatures=0,0.4", "formatting=true"],
        suite=SuiteChoice(),
    )
    first, second = command._configurations(call)
    assert (first.language, first.options) == ("", Options(decoding=DecodingOverrides(best_of=2)))
    assert (second.language, second.options.languages) == ("auto", ("ko", "en"))
    assert (second.options.context, second.options.channels) == (Context.SEQUENTIAL, Channels.SPLIT)
    assert second.options.decoding == DecodingOverrides(best_of=2, temperatures=(0.0, 0.4))
    assert second.options.formatting
    with pytest.raises(Failure, match="keys are language"):
        command._configurations(dataclasses.replace(call, versus=["beams=3"]))
