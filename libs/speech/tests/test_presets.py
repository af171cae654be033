"""Presets come from a data file, and from the operator's own file over it."""

from __future__ import annotations

import pytest

from sayit.speech.language_names import LANGUAGES
from sayit.speech.options import PRESETS, Options, preset_name, resolve
from sayit.speech.presets import PresetsError, load_presets


def test_the_first_backends_values():
    """What the product promises by language: fallback temperature, beams, samples, patience."""
    promised = {"ko": (0.2, 5, 3, 2.0), "en": (0.3, 5, 3, 1.5), "auto": (0.25, 3, 2, 1.8)}
    for language, (temperature, beams, samples, patience) in promised.items():
        preset = PRESETS[language]
        assert preset.temperatures == (0.0, temperature)
        assert (preset.beam_size, preset.best_of, preset.patience) == (beams, samples, patience)
    assert {(p.compression_ratio_threshold, p.logprob_threshold, p.no_speech_threshold) for p in PRESETS.values()} == {
        (2.4, -1.0, 0.6)
    }


def test_another_file_is_laid_over(tmp_path):
    """What it leaves out stays; a new language begins as auto does, auto's own changes included."""
    file = tmp_path / "presets.toml"
    file.write_text("[pl]\nbest_of = 4\n[auto]\npatience = 1\n[ko]\ntemperatures = [0, 0.4]\nsuppress_tokens = [7]\n")
    presets = load_presets(LANGUAGES, file)
    assert (presets["pl"].best_of, presets["pl"].patience, presets["pl"].beam_size) == (4, 1.0, 3)
    assert presets["ko"].temperatures == (0.0, 0.4)
    assert (presets["ko"].beam_size, presets["ko"].suppress_tokens) == (5, (7,))
    assert presets["en"] == PRESETS["en"]
    assert preset_name("pl") == "auto"
    assert preset_name("pl", presets) == "pl"
    assert resolve(Options(language="pl"), presets).best_of == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ko", "is no TOML"),
        ("[korean]\nbest_of = 3", "[korean]: no language that Whisper knows"),
        ("ko = 3", "[ko]: write a table"),
        ("[ko]\nbeams = 3", "there is no 'beams'; there are temperatures, beam_size"),
        ("[ko]\nbeam_size = 0", "beam_size: 0 is no number from 1 to 10"),
        ("[ko]\nbeam_size = 2.5", "beam_size: 2.5 is no whole number"),
        ("[ko]\nbest_of = true", "best_of: True is no number"),
        ('[ko]\npatience = "much"', "patience: 'much' is no number"),
        ("[ko]\npatience = nan", "patience: nan is no number"),
        ("[ko]\nlogprob_threshold = -inf", "logprob_threshold: -inf is no number"),
        ("[ko]\ntemperatures = []", "temperatures: at least one"),
        ("[ko]\ntemperatures = 0.2", "temperatures: write a list of at most 8"),
        ("[ko]\ntemperatures = [0, 2]", "temperatures: 2 is no number from 0.0 to 1.0"),
        ("[ko]\nsuppress_tokens = [-1]", "suppress_tokens: -1 is no number"),
        ("[ko]\nsuppress_tokens = [1.5]", "suppress_tokens: 1.5 is no whole number"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path, text, said):
    """The error names the file, the language, the field and what may stand there."""
    file = tmp_path / "presets.toml"
    file.write_text(text)
    with pytest.raises(PresetsError) as caught:
        load_presets(LANGUAGES, file)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    """Who names a file means it."""
    with pytest.raises(PresetsError, match="cannot be read: no such file"):
        load_presets(LANGUAGES, tmp_path / "nothing.toml")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PresetsError, match="is no TOML"):
        load_presets(LANGUAGES, tmp_path / "bytes")
