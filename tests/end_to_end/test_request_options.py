"""Options of a request on their whole way: from the SDK and the command line to the model and back."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from sayit.client import Client, DecodingOverrides, ErrorKind, Options, SayItError
from sayit.transcriber.models import bundled
from tests.command import run_sayit

from .helper import RECORDINGS, RunningSuite

ENGLISH = RECORDINGS / "en-8s.flac"


def sayit(suite: RunningSuite, *arguments: str) -> str:
    """What a command that succeeds prints."""
    environment = {**os.environ, "COLUMNS": "200", "SAYIT_LANG": "en"}
    done = run_sayit(*arguments, "--server", suite.address, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_forbidden_tokens_are_not_written(suite: RunningSuite) -> None:
    """The model hears the word and may not write it; the transcript's other figures are the preset's."""
    with Client(suite.address) as client:
        plain = client.transcribe(ENGLISH, options=Options(language="en")).transcript
        word = plain.text.split()[0]
        tokenizer = Tokenizer.from_file(str(bundled().path / "tokenizer.json"))
        tokens = {
            token for form in (word, f" {word}") for token in tokenizer.encode(form, add_special_tokens=False).ids
        }
        asked = Options(language="en", decoding=DecodingOverrides(suppress_tokens=tuple(tokens), best_of=2))
        result = client.transcribe(ENGLISH, options=asked)
    assert word not in result.transcript.text.split()
    assert (result.job.options.decoding, result.transcript.preset) == (asked.decoding, "en")


def test_a_language_that_is_not_listed_is_warned_of(suite: RunningSuite) -> None:
    """English where only Korean and Japanese may be detected: the job says what was heard, and how surely."""
    with Client(suite.address) as client:
        result = client.transcribe(ENGLISH, options=Options(languages=("ko", "ja")))
    [(kind, language, probability)] = [warning.split(":") for warning in result.job.warnings]
    assert (kind, language, float(probability) > 0.9) == ("LANGUAGE_NOT_LISTED", "en", True)
    assert result.transcript.language in {"", "ko", "ja"}


def test_a_vocabulary_by_sdk_and_command_line(suite: RunningSuite) -> None:
    """Stored by one, used by the other; the job says its name, and what is gone is an error that names it."""
    assert sayit(suite, "vocabulary", "put", "team", "open", "one right", "--prompt", "Numbers.") == (
        "team: 2 words and a prompt\n"
    )
    with Client(suite.address) as client:
        stored = client.get_vocabulary("team")
        assert (stored.words, stored.prompt) == (("open", "one right"), "Numbers.")
        job = client.transcribe(ENGLISH, options=Options(language="en", vocabulary="team")).job
        assert (job.options.vocabulary, job.options.hotwords, job.options.prompt) == ("team", "", "")
        assert sayit(suite, "vocabulary", "get", "team") == "open\none right\n"
        assert "team" in sayit(suite, "vocabulary", "list")
        assert sayit(suite, "vocabulary", "delete", "team") == "team: deleted\n"
        with pytest.raises(SayItError) as error:
            client.create_job(ENGLISH, options=Options(vocabulary="team"))
        assert (error.value.kind, error.value.field) == (ErrorKind.VOCABULARY_NOT_FOUND, "vocabulary")


def test_options_of_the_command_line_reach_the_job(suite: RunningSuite, tmp_path: Path) -> None:
    """All of them at once; and the raw text of a job that was formatted."""
    options = ["--languages", "ko,en", "--context", "none", "--guard", "off", "--formatting", "--mask-profanity"]
    decoding = ["--decoding", "temperatures=0,0.3", "--decoding", "logprob_threshold=-0.9"]
    file = shutil.copy(ENGLISH, tmp_path / "all-options.flac")
    written = json.loads(sayit(suite, "transcribe", str(file), "--format", "json", *options, *decoding))
    with Client(suite.address) as client:
        (job,) = [each for each in client.list() if each.filename == file.name]
        raw = client.transcript(job.id, raw=True)
    asked = job.options
    assert (asked.languages, asked.context, asked.guard) == (("ko", "en"), "none", "off")
    assert (asked.formatting, asked.mask_profanity) == (True, True)
    assert asked.decoding == DecodingOverrides(temperatures=(0.0, 0.3), logprob_threshold=-0.9)
    assert raw.text != written["text"]
    assert sayit(suite, "jobs", "transcript", job.id, "--raw").split() == raw.text.split()
    assert sayit(suite, "jobs", "transcript", job.id).split() == written["text"].split()
