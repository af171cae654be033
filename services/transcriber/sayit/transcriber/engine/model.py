"""The model: CTranslate2's Whisper with faster-whisper's features, tokens and word alignment.

The only module that imports either. It uses faster-whisper (>= 1.2.1, < 1.3) for loading a folder, features, tokenizer,
suppressed tokens, cutting tokens at timestamps, and words from attention. `windows` and `fallback` decide which windows
are decoded, in which order and with which prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import LANGUAGES
from sayit.speech.options import Task
from sayit.speech.transcript import Word
from sayit.transcriber.engine.fallback import FallbackStep, Generated
from sayit.transcriber.engine.language import ENGLISH
from sayit.transcriber.engine.window import FRAMES_PER_SECOND, Passage, Window

#: The first timestamp may be at most this far into the window, in steps of 0.02 s (Whisper's default, 1 s).
MAX_INITIAL_TIMESTAMP = 50
#: Punctuation that belongs to the word behind it, and to the word before it (faster-whisper's defaults).
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"

#: What the tokenizer writes for bytes that are no character.
_NO_CHARACTER = "\ufffd"

#: The encoder's output for one window: a CTranslate2 StorageView, float[1, padded frames / 2, d].
Encoding = Any


class WhisperVocabulary:
    """A model's tokens in one language and task."""

    def __init__(self, model: WhisperModel, language: str, task: Task) -> None:
        multilingual = model.model.is_multilingual
        if multilingual and model.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
            # No language, or a newer Whisper's: without its token the model would decode in one of its own choice.
            raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=language)
        self.tokenizer = Tokenizer(model.hf_tokenizer, multilingual, task=task.value, language=language)
        self.start_of_previous: int = self.tokenizer.sot_prev
        self.start_sequence: tuple[int, ...] = tuple(self.tokenizer.sot_sequence)
        self.suppressed: list[int] = list(get_suppressed_tokens(self.tokenizer, [-1]))
        #: Text has smaller ids; timestamps have larger ones.
        self.end_of_text: int = self.tokenizer.eot
        self._model = model

    def encode(self, text: str) -> tuple[int, ...]:
        """The token ids of a text."""
        return tuple(self.tokenizer.encode(text))

    def text(self, tokens: Sequence[int]) -> str:
        """The text of token ids, timestamps left out, and only whole characters.

        A token may end inside a character. Where the next one is missing (a limit of tokens, a timestamp, degenerate
        output of the model), half a character is left, and it is dropped.
        """
        return _whole(self.tokenizer.decode(list(tokens)))

    def split(self, tokens: Sequence[int], window: Window) -> tuple[tuple[Passage, ...], int]:
        """A window's tokens cut at their timestamps, and the frame from which to go on."""
        cut, next_frame, _ = self._model._split_segments_by_timestamps(  # noqa: SLF001 - pinned, and compared in a test
            tokenizer=self.tokenizer,
            tokens=list(tokens),
            time_offset=window.start_s,
            segment_size=window.frames,
            segment_duration=window.frames / FRAMES_PER_SECOND,
            seek=window.start_frame,
        )
        passages = tuple(Passage(start_s=p["start"], end_s=p["end"], tokens=tuple(p["tokens"])) for p in cut)
        return passages, int(next_frame)


class Whisper:
    """One model in memory, on the CPU.

    Args:
        folder: a complete CTranslate2 Whisper folder.
        threads: threads of each call, at least 1.
        compute_type: CTranslate2's, such as "int8"; "default" takes what the weights are stored in.

    Raises:
        RuntimeError, ValueError: CTranslate2 cannot load it.
    """

    def __init__(self, folder: Path, *, threads: int, compute_type: str) -> None:
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type=compute_type, cpu_threads=threads, num_workers=1
        )
        mels = self._model.model.n_mels
        if self._model.feature_extractor.mel_filters.shape[0] != mels:
            # A folder without preprocessor_config.json: large-v3 takes 128 bands, the default is 80.
            self._model.feature_extractor = FeatureExtractor(feature_size=mels)
        self._vocabularies: dict[tuple[str, Task], WhisperVocabulary] = {}
        known = self._model.hf_tokenizer.token_to_id
        self._languages = frozenset(
            code for code in LANGUAGES if self.multilingual and known(f"<|{code}|>") is not None
        ) or frozenset({ENGLISH})
        #: What tokens mean, and which are suppressed, is the same in every language.
        self._any_language = self.vocabulary(ENGLISH, Task.TRANSCRIBE)

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more than English."""
        return bool(self._model.model.is_multilingual)

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages that the model knows."""
        return self._languages

    def features(self, pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log-mel features float32[bands, frames + 1] of float32[n] at 16 kHz; the last frame is padding."""
        features: npt.NDArray[np.float32] = self._model.feature_extractor(pcm)
        return features

    @staticmethod
    def padded(features: npt.NDArray[np.float32], window: Window) -> npt.NDArray[np.float32]:
        """A window of a chunk's features, float32[1, bands, `padded_frames`], as the encoder takes it."""
        cut = pad_or_trim(features[:, window.start_frame : window.start_frame + window.frames], window.padded_frames)
        return np.ascontiguousarray(cut[np.newaxis])

    def encode(self, padded: npt.NDArray[np.float32]) -> Encoding:
        """The encoder's output for one window's features."""
        return self._model.encode(padded)

    def language_probabilities(self, encoding: Encoding) -> list[tuple[str, float]]:
        """Language codes with their probabilities, most likely first."""
        return [(token[2:-2], float(p)) for token, p in self._model.model.detect_language(encoding)[0]]

    def languages_within(self, encoding: Encoding, places: Sequence[tuple[int, int]]) -> list[dict[str, float]]:
        """Probabilities of languages in several stretches of a window, in one call and without encoding them again.

        Args:
            encoding: the window's.
            places: first frame and number of frames of each stretch, all equally long; rounded to steps of 20 ms.
        """
        [window] = np.asarray(_readable(encoding))
        cut = np.stack([window[first // 2 : first // 2 + frames // 2] for first, frames in places])
        heard = self._model.model.detect_language(ctranslate2.StorageView.from_array(cut))
        return [{token[2:-2]: float(p) for token, p in each} for each in heard]

    def vocabulary(self, language: str, task: Task) -> WhisperVocabulary:
        """The tokens of a language and task; made once.

        Raises:
            SayItError: INVALID_LANGUAGE where the model lacks the language.
        """
        found = self._vocabularies.get((language, task))
        if found is None:
            found = self._vocabularies[language, task] = WhisperVocabulary(self._model, language, task)
        return found

    def generate(self, asked: Sequence[tuple[Encoding, FallbackStep]]) -> list[Generated]:
        """Decodes windows once, all in one call of the decoder.

        Args:
            asked: encodings with their steps, at least one; all steps of one `group`.
        """
        first = asked[0][1]
        if first.temperature > 0:
            search = {
                "beam_size": 1,
                "num_hypotheses": first.best_of,
                "sampling_topk": 0,
                "sampling_temperature": first.temperature,
            }
        else:
            search = {"beam_size": first.beam_size, "patience": first.patience}
        new = first.max_new_tokens
        results = self._model.model.generate(
            _joined([encoding for encoding, _ in asked]),
            [list(fallback_step.prompt) for _, fallback_step in asked],
            # CTranslate2 gives half of it, or what it leaves behind all but the prompt's last token, if that is less.
            max_length=max(2 * new, len(first.prompt) - 1 + new),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=[*self._any_language.suppressed, *self._text_tokens(first.suppress_tokens)],
            max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
            **search,
        )
        return [self._generated(result) for result in results]

    def _text_tokens(self, tokens: Sequence[int]) -> list[int]:
        """Those that stand for text. CTranslate2 does not check ids, and without the others no window would end."""
        return [token for token in tokens if token < self._any_language.tokenizer.eot]

    def _generated(self, result: Any) -> Generated:
        tokens = tuple(result.sequences_ids[0])
        return Generated(
            tokens=tokens,
            text=self._any_language.text(tokens).strip(),
            # The score is the mean over the tokens; Whisper's threshold counts the end of text as one more.
            avg_logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
            no_speech_prob=result.no_speech_prob,
        )

    def align(
        self,
        encoding: Encoding,
        window: Window,
        passages: tuple[Passage, ...],
        vocabulary: WhisperVocabulary,
        last_word_end_s: float,
    ) -> tuple[Passage, ...]:
        """The window's passages with words and the times that the words give them."""
        raw: list[dict[str, Any]] = [
            {"seek": window.start_frame, "start": p.start_s, "end": p.end_s, "tokens": list(p.tokens)} for p in passages
        ]
        self._model.add_word_timestamps(
            [raw], vocabulary.tokenizer, encoding, window.frames, PREPENDED, APPENDED, last_word_end_s
        )
        return tuple(map(_worded, raw))


def _joined(encodings: Sequence[Encoding]) -> Encoding:
    """Windows of one length that were encoded one by one, as one batch: float32[n, padded frames / 2, d]."""
    if len(encodings) == 1:
        return encodings[0]
    return ctranslate2.StorageView.from_array(np.concatenate([np.asarray(_readable(each)) for each in encodings]))


def _readable(encoding: Encoding) -> Encoding:
    """The same in a type that NumPy has."""
    float32 = ctranslate2.DataType.float32
    return encoding if encoding.dtype == float32 else encoding.to(float32)


def _whole(text: str) -> str:
    return text.replace(_NO_CHARACTER, "")


def _worded(passage: dict[str, Any]) -> Passage:
    words = tuple(_word(word) for word in passage["words"] if _whole(word["word"]).strip())
    start_s, end_s = float(passage["start"]), float(passage["end"])
    if words:
        # faster-whisper moves a first or last word that is too long towards its segment, but not always into it.
        start_s, end_s = min(start_s, words[0].start_s), max(end_s, words[-1].end_s)
    return Passage(start_s=start_s, end_s=end_s, tokens=tuple(passage["tokens"]), words=words)


def _word(word: dict[str, Any]) -> Word:
    return Word(
        text=_whole(word["word"]),
        start_s=float(word["start"]),
        end_s=float(word["end"]),
        probability=float(word["probability"]),
    )
