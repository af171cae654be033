"""Transcripts in OpenAI's forms, and text that grows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from clients.python.tests.story import TRANSCRIPT
from sayit.bridge.http.openai import replies, schemas
from sayit.bridge.http.openai.deltas import Deltas
from sayit.bridge.http.openai.form_fields import AudioRequest, ResponseFormat
from sayit.speech.jobs import ChunkText, EventBody, JobEvent, PartialText, Refinement
from sayit.speech.options import Options, Task
from sayit.speech.transcript import Segment, Transcript, Word

WORDS = (
    Word(text=" hello", start_s=0.4, end_s=0.9, probability=0.5),
    Word(text=" world", start_s=0.9, end_s=1.23456, probability=0.0),
)
ENGLISH = Segment(
    id=0,
    start_s=0.4,
    end_s=1.23456,
    text="hello world",
    language="en",
    avg_logprob=-0.25,
    compression_ratio=math.inf,
    no_speech_prob=0.01,
    words=WORDS,
)
KOREAN = Segment(id=1, start_s=2.0, end_s=3.0, text="안녕", language="ko", speaker="kim")
BOTH = replace(TRANSCRIPT, segments=(ENGLISH, KOREAN), language="en")
NOTHING = replace(TRANSCRIPT, segments=(), language="")


def request(form: ResponseFormat, **values: bool) -> AudioRequest:
    """A request for this form."""
    return AudioRequest(options=Options(), response_format=form, **values)


@pytest.mark.parametrize("transcript", [BOTH, NOTHING])
@pytest.mark.parametrize(
    ("asked", "schema"),
    [
        (request(ResponseFormat.JSON), schemas.TranscriptionJson),
        (request(ResponseFormat.JSON, logprobs=True), schemas.TranscriptionJson),
        (request(ResponseFormat.VERBOSE_JSON, words=True), schemas.TranscriptionVerboseJson),
        (request(ResponseFormat.VERBOSE_JSON, segments=False), schemas.TranscriptionVerboseJson),
        (request(ResponseFormat.DIARIZED_JSON), schemas.TranscriptionDiarizedJson),
    ],
)
def test_answers_are_what_the_document_says(transcript: Transcript, asked: AudioRequest, schema) -> None:
    """Every JSON form validates against the schema that OpenAPI shows for it."""
    reply = replies.json_reply(transcript, asked)
    assert schema.model_validate(reply).text == transcript.text


def test_verbose_json_is_whispers() -> None:
    """Names of languages, frames of 10 ms, segments that make up the text, numbers where there are none."""
    reply = replies.json_reply(BOTH, request(ResponseFormat.VERBOSE_JSON, words=True))
    assert (reply["task"], reply["language"], reply["duration"]) == ("transcribe", "english", 2.0)
    first = reply["segments"][0]
    assert (first["seek"], first["end"], first["compression_ratio"], first["tokens"]) == (40, 1.235, 0.0, [])
    assert "".join(segment["text"] for segment in reply["segments"]).strip() == reply["text"] == "hello world 안녕"
    assert reply["words"][0] == {"word": "hello", "start": 0.4, "end": 0.9}
    assert reply["usage"] == {"type": "duration", "seconds": 2.0}


def test_a_translation_is_english() -> None:
    """Whatever was spoken, `language` is the language of the text."""
    asked = AudioRequest(options=Options(task=Task.TRANSLATE), response_format=ResponseFormat.VERBOSE_JSON)
    reply = replies.json_reply(replace(BOTH, language="ko"), asked)
    assert (reply["task"], reply["language"]) == ("translate", "english")


def test_log_probabilities_are_of_words_and_make_up_the_text() -> None:
    """One entry a word; the impossible word has a finite figure, because JSON knows no other."""
    entries = replies.word_logprobs((ENGLISH, replace(ENGLISH, id=1)))
    assert "".join(entry["token"] for entry in entries) == "hello world hello world"
    assert all(bytes(entry["bytes"]).decode() == entry["token"] for entry in entries)
    assert [entry["logprob"] for entry in entries[:2]] == [round(math.log(0.5), 6), -100.0]
    assert replies.word_logprobs(()) == []


def test_speakers_are_not_invented() -> None:
    """A segment has its speaker, or none."""
    reply = replies.json_reply(BOTH, request(ResponseFormat.DIARIZED_JSON))
    assert [(each["id"], each["speaker"]) for each in reply["segments"]] == [("seg_000", ""), ("seg_001", "kim")]


def test_text_and_subtitles_are_texts() -> None:
    """`text` is one line; subtitles are SayIt's own."""
    assert replies.text_reply(BOTH, request(ResponseFormat.TEXT)) == "hello world 안녕\n"
    assert replies.text_reply(BOTH, request(ResponseFormat.SRT)).startswith(
        "1\n00:00:00,400 --> 00:00:01,400\nhello world\n"
    )
    assert replies.text_reply(BOTH, request(ResponseFormat.VTT)).startswith("WEBVTT\n\n00:00:00.400")


def said(*texts: str) -> tuple[Segment, ...]:
    """Segments with these texts."""
    return tuple(replace(KOREAN, id=number, text=text) for number, text in enumerate(texts))


def taken(deltas: Deltas, *bodies: EventBody) -> list[str]:
    """The texts given out for these events."""
    events = [JobEvent(job_id="j", time_s=0.0, body=body) for body in bodies]
    return [delta.text for event in events for delta in deltas.take(event)]


def chunk(index: int, *texts: str) -> ChunkText:
    """A final chunk."""
    return ChunkText(chunk_index=index, segments=said(*texts))


def test_chunks_are_given_out_in_order() -> None:
    """A chunk waits for those before it; a silent one says nothing, and spaces are where the text has them."""
    deltas = Deltas()
    assert taken(deltas, chunk(1, "b", "c")) == []
    assert taken(deltas, chunk(0, "a")) == ["a", " b c"]
    assert taken(deltas, chunk(3, "e"), chunk(2)) == [" e"]
    assert deltas.text == "a b c e"


def partial(index: int, *texts: str) -> PartialText:
    """What is decoded of a chunk."""
    return PartialText(chunk_index=index, segments=said(*texts))


def test_a_chunk_is_given_out_as_it_is_decoded() -> None:
    """Windows of the first chunk that is not final; an attempt that begins anew says nothing twice."""
    deltas = Deltas()
    assert taken(deltas, partial(1, "x"), partial(0, "a b"), partial(0, "a b"), partial(0, "a")) == ["a b"]
    assert taken(deltas, partial(0, "a b", "c"), chunk(0, "a b", "c", "d")) == [" c", " d"]
    assert taken(deltas, partial(1, "e f"), chunk(1, "e g", "h")) == [" e f", " h"]
    assert taken(deltas, partial(2, "i"), chunk(2), chunk(3, "j")) == [" i", " j"]
    assert taken(Deltas(partials=False), partial(0, "a")) == []


def test_a_correction_in_time_is_taken() -> None:
    """A refinement of a chunk that still waits replaces its text."""
    deltas = Deltas()
    refined = Refinement(number=1, chunk_indexes=(1, 2), segments=said("B"))
    assert taken(deltas, chunk(1, "b"), chunk(2, "b"), refined, chunk(0, "a")) == ["a", " B"]


def test_the_rest_comes_with_the_transcript() -> None:
    """What no chunk said is the last delta, with the segments it is made of, numbered on."""
    deltas = Deltas()
    taken(deltas, chunk(0, "a"))
    transcript = replace(BOTH, segments=said("a", "b", "c"))
    rest = deltas.rest(transcript)
    assert rest is not None
    assert (rest.text, [segment.text for segment in rest.segments], rest.first_number) == (" b c", ["b", "c"], 1)
    assert deltas.rest(transcript) is None


def test_without_chunks_the_rest_is_everything() -> None:
    """As for a transcript from the cache of an older server."""
    rest = Deltas().rest(BOTH)
    assert rest is not None
    assert (rest.text, rest.segments) == (BOTH.text, BOTH.segments)


def test_texts_that_have_parted_are_not_mended() -> None:
    """After a correction of what was given out, only `transcript.text.done` says the truth."""
    deltas = Deltas()
    taken(deltas, chunk(0, "a"), Refinement(number=1, chunk_indexes=(0,), segments=said("A")))
    assert deltas.rest(replace(BOTH, segments=said("A", "b"))) is None
