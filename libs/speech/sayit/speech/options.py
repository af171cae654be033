"""What a request may ask for, and the decode options that it and its language's preset resolve to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.presets import (
    LIMITS,
    MAX_SUPPRESSED_TOKENS,
    MAX_TEMPERATURES,
    MAX_TOKEN,
    Presets,
    load_presets,
)

Number = TypeVar("Number", int, float)

#: "Detect it": the language option that names no language.
AUTO = "auto"
#: Whisper's languages (openai/whisper, tokenizer.py), as BCP-47 primary subtags.
LANGUAGES = frozenset(
    (  # noqa: SIM905  # a hundred quoted codes, one a line, say less than this
        "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt "
        "la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc "
        "ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
    ).split()
)
#: The presets that come with SayIt; `auto`'s also serves every language without one of its own.
PRESETS: Presets = load_presets(LANGUAGES)
#: What a language that is to be detected may be, unless the request says so.
DETECTED_LANGUAGES = ("ko", "en")
#: In the list of languages: every one that the model knows.
ANY_LANGUAGE = "*"
#: Most languages of such a list.
MAX_LANGUAGES = 10
#: Fields of Options that change how a transcript is written, and not what was heard.
WRITING_OPTIONS = frozenset({"formatting", "mask_profanity"})
#: Longest prompt and hotword list, in characters; Whisper keeps at most 223 tokens of them.
MAX_PROMPT_CHARS = 2_000


class Task(StrEnum):
    """What to write down."""

    #: The words, in their language.
    TRANSCRIBE = "transcribe"
    #: An English translation.
    TRANSLATE = "translate"


class Guard(StrEnum):
    """How much text goes that probably nobody said; it is listed in the transcript with its reason."""

    #: Nothing but what the model itself takes back.
    OFF = "off"
    #: Where several signs agree.
    STANDARD = "standard"
    #: Where one sign is clear; it may take words that were said quietly or again and again.
    STRICT = "strict"


class Context(StrEnum):
    """Which earlier text a window of audio is decoded with."""

    #: None but the prompt.
    NONE = "none"
    #: The text of the windows before it in the same chunk; chunks run side by side.
    WITHIN_CHUNK = "within_chunk"
    #: The text of the chunk before as well: chunks run one after the other.
    SEQUENTIAL = "sequential"


class Channels(StrEnum):
    """What becomes of several audio channels."""

    #: One signal.
    MIX = "mix"
    #: Each is transcribed by itself; every segment says which one it comes from.
    SPLIT = "split"


@dataclass(frozen=True, kw_only=True)
class DecodingOverrides:
    """Decode options in place of the language preset's; None and empty leave the preset's."""

    #: Tried in order, 0 to 1, at most 8.
    temperatures: tuple[float, ...] = ()
    #: Samples at temperatures above 0, 1 to 10.
    best_of: int | None = None
    #: Beam search patience, 0.1 to 4.
    patience: float | None = None
    #: Above it a result is repetitive and fails, 1 to 10.
    compression_ratio_threshold: float | None = None
    #: Below it a result is doubtful and fails, -10 to 0.
    logprob_threshold: float | None = None
    #: Above it a doubtful result is silence, 0 to 1.
    no_speech_threshold: float | None = None
    #: Token ids that are never written, at most 200.
    suppress_tokens: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """A request's options, valid once `normalised` returned them."""

    #: A BCP-47 tag, or AUTO.
    language: str = AUTO
    task: Task = Task.TRANSCRIBE
    #: Model name; empty takes the installation's default.
    model: str = ""
    #: Text that precedes the audio in spirit: style, names, context.
    prompt: str = ""
    #: Words to expect, separated by commas or spaces.
    hotwords: str = ""
    #: Whether segments carry words with times.
    word_timestamps: bool = False
    #: Beam size 1 to 10; 0 takes the preset's.
    beam_size: int = 0
    #: One fixed temperature 0 to 1 without fallback; None takes 0 and the preset's fallback.
    temperature: float | None = None
    #: Most new tokens per window, 1 to 224; 0 for no limit but the model's.
    max_tokens_per_window: int = 0
    #: Where the language is detected: what it may be; empty means DETECTED_LANGUAGES, ANY_LANGUAGE every language.
    languages: tuple[str, ...] = ()
    #: Which earlier text a window is decoded with.
    context: Context = Context.WITHIN_CHUNK
    #: What becomes of several audio channels.
    channels: Channels = Channels.MIX
    #: Name of a stored vocabulary; empty for none.
    vocabulary: str = ""
    #: Decode options in place of the preset's.
    decoding: DecodingOverrides = DecodingOverrides()
    #: How strictly invented text is taken out.
    guard: Guard = Guard.STANDARD
    #: Whether the transcript's numbers, spaces and punctuation are made uniform; the raw text is kept.
    formatting: bool = False
    #: Whether swear words are masked in the transcript; the raw text is kept.
    mask_profanity: bool = False

    def normalised(self) -> Options:
        """These options with a plain language code, or a SayItError that names the field at fault."""
        _within("beam_size", self.beam_size, 0, 10)
        _within("max_tokens_per_window", self.max_tokens_per_window, 0, 224)
        if self.temperature is not None:
            _within("temperature", self.temperature, 0.0, 1.0)
        for field in ("prompt", "hotwords"):
            value: str = getattr(self, field)
            if len(value) > MAX_PROMPT_CHARS:
                raise _invalid(field, f"longer than {MAX_PROMPT_CHARS} characters")
        return Options(
            language=normal_language(self.language),
            task=self.task,
            model=self.model.strip(),
            prompt=self.prompt.strip(),
            hotwords=self.hotwords.strip(),
            word_timestamps=self.word_timestamps,
            beam_size=self.beam_size,
            temperature=self.temperature,
            max_tokens_per_window=self.max_tokens_per_window,
            languages=_allowed(self.languages, self.language),
            context=self.context,
            channels=self.channels,
            vocabulary=self.vocabulary.strip(),
            decoding=_overrides(self.decoding, self.temperature),
            guard=self.guard,
            formatting=self.formatting,
            mask_profanity=self.mask_profanity,
        )


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """All that the engine needs to decode one chunk; resolved by the scheduler, so that transcribers hold no policy."""

    #: Language code, or AUTO to detect it on the first window's encoding.
    language: str
    task: Task
    prompt: str
    hotwords: str
    word_timestamps: bool
    beam_size: int
    best_of: int
    patience: float
    #: Tried in order until a result passes the thresholds; 0 means beam search, above 0 means sampling with `best_of`.
    temperatures: tuple[float, ...]
    #: A result above this zlib ratio is repetitive and fails (Whisper's default).
    compression_ratio_threshold: float = 2.4
    #: A result below this mean log probability fails (Whisper's default).
    logprob_threshold: float = -1.0
    #: Above this no-speech probability a low-confidence result counts as silence (Whisper's default).
    no_speech_threshold: float = 0.6
    #: Most new tokens per window; 0 for the model's limit.
    max_tokens_per_window: int = 0
    #: Where the language is detected: what it may be; empty for every language.
    languages: tuple[str, ...] = ()
    #: Whether windows are decoded with the text of the chunk's earlier windows.
    within_chunk_context: bool = True
    #: Token ids that are never written, beside those that Whisper never writes.
    suppress_tokens: tuple[int, ...] = ()


def normal_language(tag: str) -> str:
    """The Whisper code of a BCP-47 tag (`ko-KR` → `ko`), or AUTO; empty means AUTO.

    Raises:
        SayItError: INVALID_LANGUAGE for anything Whisper does not know.
    """
    code = tag.strip().lower().replace("_", "-").split("-")[0]
    if code in {"", AUTO}:
        return AUTO
    if code not in LANGUAGES:
        raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=tag[:32])
    return code


def preset_name(language: str, presets: Presets = PRESETS) -> str:
    """The preset that serves a language code."""
    return language if language in presets else AUTO


def resolve(options: Options, presets: Presets = PRESETS) -> DecodeOptions:
    """The decode options of normalised request options: the language's preset, overridden where the request says so.

    In Whisper a temperature above 0 switches beam search off. So a preset's first temperature is 0, and those behind it
    are the fallback for results that fail the thresholds.
    """
    preset = presets[preset_name(options.language, presets)]
    fixed, asked = options.temperature, options.decoding
    return DecodeOptions(
        language=options.language,
        task=options.task,
        prompt=options.prompt,
        hotwords=options.hotwords,
        word_timestamps=options.word_timestamps,
        beam_size=options.beam_size or preset.beam_size,
        best_of=_first_given(asked.best_of, preset.best_of),
        patience=_first_given(asked.patience, preset.patience),
        temperatures=asked.temperatures or (preset.temperatures if fixed is None else (fixed,)),
        compression_ratio_threshold=_first_given(asked.compression_ratio_threshold, preset.compression_ratio_threshold),
        logprob_threshold=_first_given(asked.logprob_threshold, preset.logprob_threshold),
        no_speech_threshold=_first_given(asked.no_speech_threshold, preset.no_speech_threshold),
        max_tokens_per_window=options.max_tokens_per_window,
        languages=() if ANY_LANGUAGE in options.languages else options.languages or DETECTED_LANGUAGES,
        within_chunk_context=options.context is not Context.NONE,
        suppress_tokens=asked.suppress_tokens or preset.suppress_tokens,
    )


def _first_given(asked: Number | None, preset: Number) -> Number:
    return preset if asked is None else asked


def _allowed(languages: tuple[str, ...], language: str) -> tuple[str, ...]:
    """The languages that may be detected: plain codes, each once, in the order given."""
    if not languages:
        return ()
    if len(languages) > MAX_LANGUAGES:
        raise _invalid("languages", f"more than {MAX_LANGUAGES}")
    if normal_language(language) != AUTO:
        raise _invalid("languages", "only where the language is to be detected")
    if ANY_LANGUAGE in languages:
        return (ANY_LANGUAGE,)
    codes = tuple(dict.fromkeys(normal_language(tag) for tag in languages))
    if AUTO in codes:
        raise _invalid("languages", "'auto' is no language")
    return codes


def _overrides(asked: DecodingOverrides, temperature: float | None) -> DecodingOverrides:
    """The same, if all of it is within its limits."""
    if asked.temperatures and temperature is not None:
        raise _invalid("decoding.temperatures", "either one temperature or several")
    if len(asked.temperatures) > MAX_TEMPERATURES:
        raise _invalid("decoding.temperatures", f"more than {MAX_TEMPERATURES}")
    for value in asked.temperatures:
        _within("decoding.temperatures", value, 0.0, 1.0)
    for name, (low, high) in LIMITS.items():
        number = getattr(asked, name, None)
        if number is not None:
            _within(f"decoding.{name}", number, low, high)
    if len(asked.suppress_tokens) > MAX_SUPPRESSED_TOKENS:
        raise _invalid("decoding.suppress_tokens", f"more than {MAX_SUPPRESSED_TOKENS}")
    for token in asked.suppress_tokens:
        _within("decoding.suppress_tokens", token, 0, MAX_TOKEN)
    return asked


def _within(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise _invalid(field, f"{value} is not between {low} and {high}")


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_OPTION, field=field, reason=reason)
