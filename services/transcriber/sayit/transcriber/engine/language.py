"""Which language a stretch of speech is in, of those that it may be in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO
from sayit.speech.options import DecodeOptions

#: Every Whisper knows it.
ENGLISH = "en"
#: Below it the most likely language is in doubt, and the second is decoded as well. The bundled model detects 4 of 190
#: labelled segments of the recordings wrongly, each by itself in a window; those of a second and longer are below it.
DOUBT = 0.8
#: Languages by the script that they are written in: the first word of its letters' Unicode names.
_WRITTEN: Mapping[str, str] = {
    "ARABIC": "ar fa ur ps sd",
    "ARMENIAN": "hy",
    "BENGALI": "bn as",
    "CJK": "zh yue ja",
    "CYRILLIC": "ru uk bg mk be kk tg mn tt ba sr uz",
    "DEVANAGARI": "hi mr ne sa",
    "ETHIOPIC": "am",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he yi",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KHMER": "km",
    "LAO": "lo",
    "LATIN": "en de es fr it pt nl pl tr sv da no nn fi cs ro hu id ms vi ca hr lt la mi cy sk lv sl et br eu is sq sw "
    "gl yo so af oc uz fo ht mt lb mg haw ln ha jw su tl bs az sn sr tk",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "TIBETAN": "bo",
}
_SCRIPTS = {
    language: frozenset(script for script, codes in _WRITTEN.items() if language in codes.split())
    for codes in _WRITTEN.values()
    for language in codes.split()
}
#: So many of a text's letters tell its script: a foreign name does not change a sentence's language.
_CLEAR = 0.9


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A language that a stretch may be in."""

    language: str
    #: Its probability among all of the model's languages, as detected on the stretch's first window.
    probability: float
    #: Its share of what all allowed languages have together: how clear the choice was among them.
    share: float = 1.0


def allowed(options: DecodeOptions, known: Collection[str], usual: Sequence[str] = ()) -> tuple[str, ...]:
    """The languages that a chunk may be in: the fixed one, or those of the list that the model knows.

    Args:
        options: `language`, or where that is AUTO `languages`.
        known: the model's languages.
        usual: the list where the options have none; an empty one allows every language.

    Raises:
        SayItError: INVALID_LANGUAGE where the model knows none of them.
    """
    asked = (options.language,) if options.language != AUTO else options.languages or tuple(usual)
    found = tuple(code for code in asked if code in known) if asked else tuple(sorted(known))
    if not found:
        raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=", ".join(asked))
    return found


def shares(probabilities: Sequence[tuple[str, float]], among: Collection[str]) -> list[Candidate]:
    """The allowed languages, most likely first, with their shares of the probability that is theirs together.

    Equal shares where none of them has any.
    """
    known = dict(probabilities)
    heard = [(code, known.get(code, 0.0)) for code in among]
    total = sum(p for _, p in heard)
    listed = [
        Candidate(language=code, probability=p, share=p / total if total > 0 else 1 / len(heard)) for code, p in heard
    ]
    return sorted(listed, key=lambda each: -each.share)


def contenders(heard: Sequence[Candidate], hint: str = "") -> tuple[Candidate, ...]:
    """The languages to decode a stretch in: the most likely, and where that is in doubt a second.

    Args:
        heard: all of them, most likely first, not empty.
        hint: what the segmentation found; empty for nothing. If it is not the most likely one, both are decoded.
    """
    best, *others = heard
    hinted = [each for each in others if each.language == hint]
    if hinted:
        # The segmentation heard the stretch alone, and a window's share may be of what stands around it.
        return best, replace(hinted[0], share=best.share)
    return (best, others[0]) if others and best.share < DOUBT else (best,)


def is_foreign(text: str, language: str) -> bool:
    """Whether a text is in another script than the language's."""
    return language in _SCRIPTS and _share(text, language) <= 1 - _CLEAR


def is_written_in(text: str, language: str) -> bool:
    """Whether a text is in the language's script; so one text may be in many languages."""
    return _share(text, language) >= _CLEAR


def _share(text: str, language: str) -> float:
    """The part of a text's letters that are of the language's scripts; between both answers where it has none."""
    letters = Counter(unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha())
    own = sum(letters[script] for script in _SCRIPTS.get(language, ()))
    return own / letters.total() if letters else 0.5
