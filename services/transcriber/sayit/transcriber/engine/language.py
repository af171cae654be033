"""Which language a stretch of speech is in, of those that it may be in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import AUTO, DecodeOptions
from sayit.transcriber.engine.fallback import Outcome

#: Every Whisper knows it.
ENGLISH = "en"
#: Below it the most likely language is in doubt, and the second is decoded as well. The bundled model detects 4 of 190
#: labelled segments of the recordings wrongly, each by itself in a window; those of a second and longer are below it.
DOUBT = 0.8
#: Scripts of the languages that are not written in Latin letters; by the first word of the letters' Unicode names.
_SCRIPTS: Mapping[str, frozenset[str]] = {
    "ko": frozenset({"HANGUL"}),
    "ja": frozenset({"HIRAGANA", "KATAKANA", "CJK"}),
    "zh": frozenset({"CJK"}),
    "yue": frozenset({"CJK"}),
    "ru": frozenset({"CYRILLIC"}),
    "uk": frozenset({"CYRILLIC"}),
    "bg": frozenset({"CYRILLIC"}),
    "el": frozenset({"GREEK"}),
    "th": frozenset({"THAI"}),
    "hi": frozenset({"DEVANAGARI"}),
    "ar": frozenset({"ARABIC"}),
    "fa": frozenset({"ARABIC"}),
    "he": frozenset({"HEBREW"}),
}
#: Languages that are written in Latin letters, as far as a text in them is told from the ones above.
_LATIN = frozenset(
    ("en", "de", "es", "fr", "it", "pt", "nl", "pl", "tr", "sv", "da", "no", "fi", "cs", "ro", "hu", "id", "ms", "vi")
)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A language that a stretch may be in."""

    language: str
    #: Its share of the probability of all allowed languages, as the model detects it on the stretch's first window.
    probability: float


def allowed(options: DecodeOptions, known: Collection[str]) -> tuple[str, ...]:
    """The languages that a chunk may be in: the fixed one, or those of the list that the model knows.

    Args:
        options: `language`, or where that is AUTO `languages`; an empty list allows every language.
        known: the model's languages.

    Raises:
        SayItError: INVALID_LANGUAGE where the model knows none of them.
    """
    asked = (options.language,) if options.language != AUTO else options.languages
    found = tuple(code for code in asked if code in known) if asked else tuple(sorted(known))
    if not found:
        raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=", ".join(asked))
    return found


def shares(probabilities: Sequence[tuple[str, float]], among: Collection[str]) -> list[Candidate]:
    """The allowed languages, most likely first, with their shares of the probability that is theirs together.

    Equal shares where none of them has any. Whisper detects among all its languages; the share says how clear the
    choice was among those that count, and 1 that there was none.
    """
    known = dict(probabilities)
    heard = [(code, known.get(code, 0.0)) for code in among]
    total = sum(p for _, p in heard)
    listed = [Candidate(language=code, probability=p / total if total > 0 else 1 / len(heard)) for code, p in heard]
    return sorted(listed, key=lambda each: -each.probability)


def contenders(heard: Sequence[Candidate], hint: str = "") -> tuple[Candidate, ...]:
    """The languages to decode a stretch in: the most likely, and where that is in doubt a second.

    Args:
        heard: all of them, most likely first, not empty.
        hint: what a closer look said; empty for nothing. If it is not the most likely one, that is a doubt.
    """
    best, *others = heard
    hinted = [each for each in others if each.language == hint]
    if hinted:
        return best, hinted[0]
    return (best, others[0]) if others and best.probability < DOUBT else (best,)


def better(
    outcomes: Sequence[tuple[Candidate, Outcome]], languages: Collection[str], compression_ratio_threshold: float
) -> int:
    """Which of a window's decodings in several languages to keep.

    Speech before silence, text that is not repetitive before text that is, text in its language's own script before
    text in that of another allowed one, then the mean log probability per token; of equals the first.
    """

    def worth(number: int) -> tuple[bool, bool, bool, float]:
        candidate, outcome = outcomes[number]
        fluent = outcome.compression_ratio <= compression_ratio_threshold
        fitting = written_in(outcome.generated.text, languages) in {"", candidate.language}
        return not outcome.silent, fluent, fitting, outcome.generated.avg_logprob

    return max(range(len(outcomes)), key=worth)


def written_in(text: str, languages: Collection[str]) -> str:
    """The only one of these languages that a text can be written in, by its script; empty where that is unclear.

    Nine of ten letters must be of the language's script: a foreign name does not change a sentence's language.
    """
    letters = Counter(unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha())
    enough = 0.9 * letters.total()
    fitting = [code for code in languages if 0 < enough <= sum(letters[script] for script in _scripts(code))]
    return fitting[0] if len(fitting) == 1 else ""


def _scripts(language: str) -> frozenset[str]:
    return frozenset({"LATIN"}) if language in _LATIN else _SCRIPTS.get(language, frozenset())
