"""Decode options of one chunk in place of its job's."""

from __future__ import annotations

from dataclasses import replace

from sayit.scheduler.db.codec import overrides_of, overrides_text
from sayit.scheduler.jobs.chunk_overrides import NO_OVERRIDES, ChunkOverrides, end_of_text
from sayit.speech.options import PRESETS, Options, resolve
from sayit.speech.transcript import Segment

ASKED = Options(language="auto", languages=("ko", "en"), prompt="Names.")


def test_what_is_not_changed_is_the_jobs() -> None:
    """Without changes a chunk is decoded as its job asks."""
    assert NO_OVERRIDES.applied(ASKED, PRESETS) == resolve(ASKED)


def test_another_language_brings_its_preset() -> None:
    """A fixed language is decoded with its own preset, and nothing is detected any more."""
    assert ChunkOverrides(language="ko").applied(ASKED, PRESETS) == resolve(replace(ASKED, language="ko", languages=()))
    assert ChunkOverrides(language="ko").applied(ASKED, PRESETS).best_of == PRESETS["ko"].best_of


def test_changes_stand_in_place_of_the_jobs() -> None:
    """Temperatures and words are replaced; what was said before follows the prompt, old or new."""
    overrides = ChunkOverrides(temperatures=(0.0, 0.4), beam_size=1, word_timestamps=True, preceding="before")
    changed = overrides.applied(ASKED, PRESETS)
    assert (changed.temperatures, changed.beam_size, changed.word_timestamps) == ((0.0, 0.4), 1, True)
    assert changed.prompt == "Names. before"
    assert ChunkOverrides(prompt="", preceding="before").applied(ASKED, PRESETS).prompt == "before"


def test_changes_are_stored_and_read() -> None:
    """What changes nothing takes no room; a field of another version is no error."""
    changes = ChunkOverrides(language="en", temperatures=(0.0, 0.4), preceding="앞에", within_chunk_context=False)
    assert overrides_of(overrides_text(changes)) == changes
    assert overrides_text(NO_OVERRIDES) == ""
    assert overrides_of('{"language": "ko", "invented_later": 1}') == ChunkOverrides(language="ko")


def test_the_end_of_a_text_is_whole_words() -> None:
    """At most 200 characters, and none of half a word; a single longer word is left out."""
    segments = [Segment(id=0, start_s=0.0, end_s=1.0, text="x" * 199, language="en")]
    segments.append(Segment(id=1, start_s=1.0, end_s=2.0, text="end", language="en"))
    assert end_of_text(segments) == "end"
    assert end_of_text(segments[:1]) == "x" * 199
    assert end_of_text([replace(segments[0], text="x" * 201)]) == ""
    assert end_of_text([]) == ""
