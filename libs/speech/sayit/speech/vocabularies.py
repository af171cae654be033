"""Vocabularies: words to expect and a text, under a name that a request's options can give."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import MAX_PROMPT_CHARS, Options

#: Most vocabularies of one tenant.
MAX_VOCABULARIES = 100
#: Most words of one, and most characters of a word.
MAX_WORDS, MAX_WORD_CHARS = 200, 64
#: The form of a name: it is a part of addresses.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_NAME = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """A stored vocabulary."""

    name: str
    #: Words and short phrases to expect, the most important ones first.
    words: tuple[str, ...] = ()
    #: Text before the audio: it sets style, names, context.
    prompt: str = ""
    #: When the name was first stored, seconds since the epoch.
    created_at_s: float = 0.0
    #: When it was stored last, seconds since the epoch.
    updated_at_s: float = 0.0

    @property
    def hotwords(self) -> str:
        """The words as hotwords of options."""
        return ", ".join(self.words)

    def applied(self, options: Options) -> Options:
        """Options with this vocabulary's words in front of their hotwords, and its text in front of their prompt.

        Raises:
            SayItError: INVALID_OPTION where both together are too long.
        """
        hotwords = ", ".join(filter(None, (self.hotwords, options.hotwords)))
        prompt = " ".join(filter(None, (self.prompt, options.prompt)))
        for field, text in (("hotwords", hotwords), ("prompt", prompt)):
            if len(text) > MAX_PROMPT_CHARS:
                reason = f"with those of the vocabulary '{self.name}' longer than {MAX_PROMPT_CHARS} characters"
                raise SayItError(ErrorKind.INVALID_OPTION, field=field, reason=reason)
        return replace(options, prompt=prompt, hotwords=hotwords)


def checked_vocabulary(name: str, words: Iterable[str], prompt: str) -> Vocabulary:
    """A vocabulary to store: white space around words and text gone, every word once.

    Raises:
        SayItError: INVALID_VOCABULARY with the field at fault.
    """
    if not _NAME.match(name):
        raise _invalid(
            "name", "a name has 1 to 64 ASCII letters, digits, '.', '_' or '-', and begins with a letter or a digit"
        )
    plain = tuple(dict.fromkeys(" ".join(word.split()) for word in words))
    for word in plain:
        if not word or len(word) > MAX_WORD_CHARS or "," in word or not word.isprintable():
            raise _invalid("words", f"a word has 1 to {MAX_WORD_CHARS} characters, and no comma or control character")
    vocabulary = Vocabulary(name=name, words=plain, prompt=prompt.strip())
    if len(plain) > MAX_WORDS or len(vocabulary.hotwords) > MAX_PROMPT_CHARS:
        raise _invalid("words", f"more than {MAX_WORDS} words, or {MAX_PROMPT_CHARS} characters")
    if len(vocabulary.prompt) > MAX_PROMPT_CHARS or "\0" in prompt:
        raise _invalid("prompt", f"longer than {MAX_PROMPT_CHARS} characters, or no text")
    if not plain and not vocabulary.prompt:
        raise _invalid("words", "neither words nor a text")
    return vocabulary


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_VOCABULARY, field=field, reason=reason)
