"""What a request may ask for, and the decode options that it and its language's preset resolve to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, replace
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO, LANGUAGES, is_traditional, normal_language
from sayit.speech.presets import (
    LIMITS,
    MAX_SUPPRESSED_TOKENS,
    MAX_TEMPERATURES,
    MAX_TOKEN,
    Preset,
    Presets,
    load_presets,
)
from sayit.speech.redaction import ALL_KINDS, KINDS, RedactStyle

#: The presets that come with SayIt; `auto`'s also serves every language without one of its own.
PRESETS: Presets = load_presets(LANGUAGES)
#: In the list of languages: every one that the model knows, as an empty list says, too.
ANY_LANGUAGE = "*"
#: Most languages of such a list.
MAX_LANGUAGES = 10
#: Fields of Options that change how a transcript is written or how long it is kept, and not what was heard.
UNHEARD_OPTIONS = frozenset({"formatting", "mask_profanity", "delete_after_read"})
#: Longest prompt and hotword list, in characters; Whisper keeps at most 223 tokens of them.
MAX_PROMPT_CHARS = 2_000


class Task(StrEnum):
    """What to write down."""

    #: The words, in their language.
    TRANSCRIBE = "transcribe"
    #: An English translation.
    TRANSLATE = "translate"


class Guard(StrEnum):
    """How strict the hallucination filter is; removed text is listed in the transcript with its reason."""

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


class Script(StrEnum):
    """Which characters Chinese is written with; Whisper writes both kinds, and changes from window to window."""

    #: Those of the language's tag or of the prompt; else simplified ones, and traditional ones for Cantonese.
    AUTO = "auto"
    SIMPLIFIED = "simplified"
    TRADITIONAL = "traditional"


@dataclass(frozen=True)
class Rule:
    """What an option means and what it may be. Checks, forms and documents are made of it, so that it is said once."""

    #: For people.
    text: str
    _: KW_ONLY
    #: Least and most of a number, or of every number of a list.
    limits: tuple[float, float] | None = None
    #: Most characters of a text, or of every text of a list.
    chars: int | None = None
    #: Most values of a list.
    values: int | None = None
    examples: tuple[Any, ...] = ()

    def check(self, field: str, value: Any) -> None:
        """Refuses a value that is not within the limits, with INVALID_OPTION; None is left to the preset."""
        values = value if isinstance(value, tuple) else (value,)
        if self.values is not None and len(values) > self.values:
            raise _invalid(field, f"more than {self.values}")
        for one in values:
            if self.chars is not None and len(one) > self.chars:
                raise _invalid(field, f"longer than {self.chars} characters")
            if self.limits is not None and one is not None and not self.limits[0] <= one <= self.limits[1]:
                raise _invalid(field, f"{one} is not between {self.limits[0]} and {self.limits[1]}")


def rules_of(kind: type) -> Mapping[str, Rule]:
    """The rules in the annotations of a class, by field."""
    hints = get_type_hints(kind, include_extras=True)
    return MappingProxyType(
        {name: rule for name, hint in hints.items() for rule in getattr(hint, "__metadata__", ())[:1]}
    )


@dataclass(frozen=True, kw_only=True)
class DecodingOverrides:
    """Decode options in place of the language preset's; None and empty leave the preset's."""

    temperatures: Annotated[
        tuple[float, ...],
        Rule(
            "Tried in order until a result passes the thresholds, in place of the preset's; 0 means beam search.",
            limits=(0.0, 1.0),
            values=MAX_TEMPERATURES,
            examples=((0, 0.4),),
        ),
    ] = ()
    best_of: Annotated[
        int | None, Rule("Samples at temperatures above 0, in place of the preset's.", limits=LIMITS["best_of"])
    ] = None
    patience: Annotated[
        float | None, Rule("Of the beam search, in place of the preset's.", limits=LIMITS["patience"])
    ] = None
    compression_ratio_threshold: Annotated[
        float | None,
        Rule("Above it a result is repetitive and fails.", limits=LIMITS["compression_ratio_threshold"]),
    ] = None
    logprob_threshold: Annotated[
        float | None, Rule("Below it a result is doubtful and fails.", limits=LIMITS["logprob_threshold"])
    ] = None
    no_speech_threshold: Annotated[
        float | None, Rule("Above it a doubtful result is silence.", limits=LIMITS["no_speech_threshold"])
    ] = None
    suppress_tokens: Annotated[
        tuple[int, ...],
        Rule("Ids of tokens that are never written.", limits=(0, MAX_TOKEN), values=MAX_SUPPRESSED_TOKENS),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """A request's options, valid once `normalised` returned them."""

    language: Annotated[
        str,
        Rule(
            'Code, BCP-47 tag or English name such as "ko", "en-US" or "Korean"; "auto" detects it.',
            chars=32,
            examples=("ko",),
        ),
    ] = AUTO
    task: Annotated[Task, Rule("`translate` writes English.")] = Task.TRANSCRIBE
    model: Annotated[str, Rule("Name of a model; empty takes the installation's default.", chars=200)] = ""
    prompt: Annotated[str, Rule("Text before the audio: it sets style, names, context.", chars=MAX_PROMPT_CHARS)] = ""
    hotwords: Annotated[str, Rule("Words to expect, separated by commas or spaces.", chars=MAX_PROMPT_CHARS)] = ""
    word_timestamps: Annotated[bool, Rule("Whether segments carry words with times.")] = False
    beam_size: Annotated[int, Rule("0 takes the language's preset.", limits=(0, LIMITS["beam_size"][1]))] = 0
    temperature: Annotated[
        float | None, Rule("One fixed temperature without fallback; without it 0 and the preset's.", limits=(0.0, 1.0))
    ] = None
    max_tokens_per_window: Annotated[int, Rule("0: no limit but the model's.", limits=(0, 224))] = 0
    languages: Annotated[
        tuple[str, ...],
        Rule(
            "Where the language is detected: what it may be; empty or `*`: every language of the model.",
            chars=32,
            values=MAX_LANGUAGES,
            examples=(("ko", "en", "ja"),),
        ),
    ] = ()
    context: Annotated[
        Context, Rule("Earlier text that speech is decoded with. `sequential`: one chunk after the other.")
    ] = Context.WITHIN_CHUNK
    channels: Annotated[Channels, Rule("`split` transcribes each audio channel by itself, as of a recorded call.")] = (
        Channels.MIX
    )
    vocabulary: Annotated[str, Rule("Name of a stored vocabulary.", chars=64)] = ""
    script: Annotated[
        Script,
        Rule("Characters of Chinese; `auto`: those of the language's tag (`zh-TW`) or the prompt, else simplified."),
    ] = Script.AUTO
    #: Decode options in place of the preset's.
    decoding: DecodingOverrides = DecodingOverrides()
    voice_threshold: Annotated[
        float | None,
        Rule(
            "Probability of a voice from which on audio is transcribed, in place of the installation's (0.5): "
            "less finds quieter speech. 0: all audio.",
            limits=(0.0, 1.0),
        ),
    ] = None
    clip_timestamps: Annotated[
        tuple[float, ...],
        Rule(
            "Only what is said between these seconds: start,end,start,end ...; the last end may be missing.",
            limits=(0.0, 1e6),
            values=200,
            examples=((0, 30, 60, 90),),
        ),
    ] = ()
    guard: Annotated[Guard, Rule("How strictly text is removed that was probably not said.")] = Guard.STANDARD
    formatting: Annotated[
        bool, Rule("Numbers as digits, spaces and punctuation made uniform in the transcript; the raw text is kept.")
    ] = False
    mask_profanity: Annotated[bool, Rule("Swear words behind asterisks in the transcript; the raw text is kept.")] = (
        False
    )
    redact: Annotated[
        tuple[str, ...],
        Rule(
            f"Personal data that is taken out before the text is stored: `{ALL_KINDS}`, or some of {', '.join(KINDS)}. "
            "Text comes with the job's end.",
            chars=32,
            values=len(KINDS) + 1,
            examples=(("phone", "card"),),
        ),
    ] = ()
    redact_names: Annotated[
        tuple[str, ...],
        Rule("Names that are redacted as well, where they are said.", chars=64, values=100, examples=(("김민수",),)),
    ] = ()
    redact_style: Annotated[
        RedactStyle,
        Rule("What stands there instead: `token`: [PHONE]; `hash`: [PHONE:mrkqpwzhtd], the same for the same number."),
    ] = RedactStyle.TOKEN
    delete_after_read: Annotated[
        bool | None,
        Rule("Whether audio and text are deleted soon after the transcript was read; without it the tenant's default."),
    ] = None

    @property
    def redacts(self) -> bool:
        """Whether anything is taken out of the text."""
        return bool(self.redact or self.redact_names)

    def normalised(self) -> Options:
        """These options with a plain language code, or a SayItError that names the field at fault."""
        language = normal_language(self.language)
        for name, rule in OPTIONS.items():
            rule.check(name, getattr(self, name))
        for name, rule in DECODING.items():
            rule.check(f"decoding.{name}", getattr(self.decoding, name))
        if self.decoding.temperatures and self.temperature is not None:
            raise _invalid("decoding.temperatures", "either one temperature or several")
        if any(after <= before for before, after in pairwise(self.clip_timestamps)):
            raise _invalid("clip_timestamps", "write start,end,start,end ... in seconds, each above the one before")
        for kind in self.redact:
            if kind not in {ALL_KINDS, *KINDS}:
                raise _invalid("redact", f"there is no kind {kind}")
        names = tuple(dict.fromkeys(name for one in self.redact_names if (name := " ".join(one.split()))))
        if any(not any(char.isalpha() for char in name) for name in names):
            raise _invalid("redact_names", "a name has letters")
        texts = {name: getattr(self, name).strip() for name in ("model", "prompt", "hotwords", "vocabulary")}
        script, traditional = self.script, is_traditional(self.language)
        if script is Script.AUTO and traditional is not None:
            script = Script.TRADITIONAL if traditional else Script.SIMPLIFIED
        allowed = _allowed(self.languages, language)
        return replace(self, language=language, languages=allowed, script=script, redact_names=names, **texts)


#: The rules of Options' own fields, and of their `decoding`.
OPTIONS, DECODING = rules_of(Options), rules_of(DecodingOverrides)


@dataclass(frozen=True, kw_only=True)
class DecodeOptions(Preset):
    """All that the engine needs to decode one chunk; resolved by the scheduler, so that transcribers hold no policy."""

    #: Language code, or AUTO to detect it on the first window's encoding.
    language: str
    task: Task
    prompt: str
    hotwords: str
    word_timestamps: bool
    #: Most new tokens per window; 0 for the model's limit.
    max_tokens_per_window: int = 0
    #: Where the language is detected: what it may be; empty for every language.
    languages: tuple[str, ...] = ()
    #: Whether windows are decoded with the text of the chunk's earlier windows.
    within_chunk_context: bool = True
    #: Which characters Chinese is written with.
    script: Script = Script.AUTO


def preset_name(language: str, presets: Presets = PRESETS) -> str:
    """The preset that serves a language code."""
    return language if language in presets else AUTO


def resolve(options: Options, presets: Presets = PRESETS) -> DecodeOptions:
    """The decode options of normalised request options: the language's preset, overridden where the request says so.

    In Whisper a temperature above 0 switches beam search off. So a preset's first temperature is 0, and those behind it
    are the fallback for results that fail the thresholds.
    """
    asked = {name: value for name, value in asdict(options.decoding).items() if value not in (None, ())}
    if options.beam_size:
        asked["beam_size"] = options.beam_size
    if options.temperature is not None:
        asked.setdefault("temperatures", (options.temperature,))
    return DecodeOptions(
        **asdict(presets[preset_name(options.language, presets)]) | asked,
        language=options.language,
        task=options.task,
        prompt=options.prompt,
        hotwords=options.hotwords,
        word_timestamps=options.word_timestamps,
        max_tokens_per_window=options.max_tokens_per_window,
        languages=() if ANY_LANGUAGE in options.languages else options.languages,
        within_chunk_context=options.context is not Context.NONE,
        script=options.script,
    )


def _allowed(languages: tuple[str, ...], language: str) -> tuple[str, ...]:
    """The languages that may be detected: plain codes, each once, in the order given."""
    if not languages:
        return ()
    if language != AUTO:
        raise _invalid("languages", "only where the language is to be detected")
    if ANY_LANGUAGE in languages:
        return (ANY_LANGUAGE,)
    codes = tuple(dict.fromkeys(normal_language(tag) for tag in languages))
    if AUTO in codes:
        raise _invalid("languages", "'auto' is no language")
    return codes


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_OPTION, field=field, reason=reason)
