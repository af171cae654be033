"""The options of commands: declared once, and grouped in dataclasses that `spread` shows typer field by field."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from sayit.cli import paths
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.overrides import DECODE_READERS, pairs, separated
from sayit.speech.options import OPTIONS, Channels, Context, DecodingOverrides, Guard, Options
from sayit.speech.redaction import RedactStyle
from sayit.speech.rendering import SUBTITLES, SubtitleStyle


def panel(title: str) -> Callable[..., Any]:
    """Makes options that stand together under a title: of a flag, its help and further settings."""
    return lambda flag, text, **settings: typer.Option(flag, help=text, rich_help_panel=title, **settings)


def folder(value: str | Path) -> Path:
    """A folder that was named, `~` included."""
    return Path(value).expanduser().absolute()


_of_suite = panel("Which suite")
_SERVER = "The suite's gateway; without it the suite that runs on this machine."
_KEY = "Your key, where the suite wants one; better in the variable than on the command line."
_TLS = "Connect with TLS, and trust the certificates that the system trusts."
_ROOTS = "Connect with TLS and trust these certificates."
Server = Annotated[str, _of_suite("--server", _SERVER, metavar="HOST:PORT", envvar="SAYIT_SERVER")]
ApiKey = Annotated[str, _of_suite("--api-key", _KEY, metavar="KEY", envvar="SAYIT_API_KEY", show_default=False)]
ApiKeyFile = Annotated[
    Path | None,
    _of_suite("--api-key-file", "A file that holds your key.", metavar="FILE", envvar="SAYIT_API_KEY_FILE"),
]
Tls = Annotated[bool, _of_suite("--tls", _TLS, envvar="SAYIT_SERVER_TLS")]
Roots = Annotated[
    Path | None, _of_suite("--root-certificates", _ROOTS, metavar="PEM", envvar="SAYIT_ROOT_CERTIFICATES")
]
ClientCertificate = Annotated[
    Path | None,
    _of_suite(
        "--client-certificate",
        "Your certificate and its private key, where the suite asks for one.",
        metavar="PEM",
        envvar="SAYIT_CLIENT_CERTIFICATE",
    ),
]
Labels = Annotated[
    list[str],
    typer.Option(
        "--label",
        metavar="NAME=VALUE",
        help="Of the jobs: a mark of your own; may be repeated.",
        default_factory=list,
        show_default=False,
    ),
]
Suppressed = Annotated[
    bool,
    typer.Option("--suppressed", help="Show what was removed as not said, where it stood: [reason: text]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="FOLDER",
        envvar="SAYIT_DATA_DIR",
        help="The suite's folder: everything durable lies there.",
        parser=folder,
        default_factory=paths.default_data,
        show_default="the platform's folder for user data",
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="Whisper model: small, medium, large-v3-turbo ..., or a CTranslate2 folder.",
        show_default="small, else base, else the bundled one",
    ),
]
Transcribers = Annotated[
    int | None,
    typer.Option(
        "--transcribers", min=1, max=64, help="Transcriber processes of the (default) model.", show_default="by cores"
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, max=64, help="Threads of each transcriber.", show_default="by cores")
]


def option(field: str, *flags: str, **settings: Any) -> Any:
    """The option for a field of `Options` or `SubtitleStyle`, with the text and the limits of its declaration."""
    rule = OPTIONS.get(field) or SUBTITLES[field]
    least, most = rule.limits or (None, None)
    names = flags or (f"--{field.replace('_', '-')}",)
    return typer.Option(*names, help=rule.text, min=least, max=most, **settings)


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """What a command may say about the text: fields of `Options`, named alike."""

    languages: Annotated[str, option("languages", metavar="LIST", show_default="every language")] = ""
    prompt: Annotated[str, option("prompt", "--prompt", "--initial-prompt")] = ""
    hotwords: Annotated[str, option("hotwords")] = ""
    vocabulary: Annotated[str, option("vocabulary", metavar="NAME", show_default=False)] = ""
    word_timestamps: Annotated[bool, option("word_timestamps", "--words", "--word-timestamps")] = False
    temperature: Annotated[float | None, option("temperature", show_default="0, then the fallback")] = None
    beam_size: Annotated[int, option("beam_size", show_default="the language's preset")] = 0
    decoding: Annotated[
        list[str],
        typer.Option(
            "--decoding",
            metavar="KEY=VALUE",
            help="In place of the language's preset; may be repeated: temperatures=0,0.4 best_of=5 patience=1.5 "
            "compression_ratio_threshold=2 logprob_threshold=-0.8 no_speech_threshold=0.5 suppress_tokens=11,13.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    voice_threshold: Annotated[
        float | None,
        option(
            "voice_threshold", "--voice-threshold", "--vad-threshold", "--vad-onset", show_default="the installation's"
        ),
    ] = None
    context: Annotated[Context, option("context")] = Context.WITHIN_CHUNK
    channels: Annotated[Channels, option("channels")] = Channels.MIX
    clip_timestamps: Annotated[str, option("clip_timestamps", metavar="LIST", show_default=False)] = ""
    guard: Annotated[Guard, option("guard")] = Guard.STANDARD
    formatting: Annotated[bool, option("formatting")] = False
    redact: Annotated[str, option("redact", metavar="LIST", show_default=False)] = ""
    redact_names: Annotated[str, option("redact_names", metavar="LIST", show_default=False)] = ""
    redact_style: Annotated[RedactStyle, option("redact_style")] = RedactStyle.TOKEN
    delete_after_read: Annotated[
        bool | None,
        option("delete_after_read", "--delete-after-read/--keep-after-read", show_default="the tenant's"),
    ] = None

    def options(self, **more: Any) -> Options:
        """As a request has them; `more` are fields of `Options` that not every command has.

        Raises:
            Failure: a decode option is not KEY=VALUE, a time is no number.
        """
        decoding = DecodingOverrides(**pairs("--decoding", self.decoding, DECODE_READERS))
        try:
            clips = tuple(map(float, separated(self.clip_timestamps)))
        except ValueError:
            raise Failure(Exit.USAGE, f"--clip-timestamps {self.clip_timestamps}: write seconds") from None
        lists = {name: separated(getattr(self, name)) for name in ("languages", "redact", "redact_names")}
        read = lists | {"decoding": decoding, "clip_timestamps": clips}
        return Options(**(vars(self) | read | more))


_of_subtitles = functools.partial(option, rich_help_panel="Subtitles")


@dataclass(frozen=True, kw_only=True)
class Subtitles:
    """How subtitles are cut: the fields of `SubtitleStyle`."""

    max_line_width: Annotated[
        int | None, _of_subtitles("max_line_width", metavar="CELLS", show_default="42, with Hangul 32")
    ] = None
    max_line_count: Annotated[int, _of_subtitles("max_line_count")] = 2
    max_words_per_line: Annotated[int | None, _of_subtitles("max_words_per_line")] = None
    highlight_words: Annotated[bool, _of_subtitles("highlight_words", "--highlight-words")] = False
    chars_per_second: Annotated[float | None, _of_subtitles("chars_per_second", show_default="20, of Hangul 12")] = None
    min_gap_ms: Annotated[int, _of_subtitles("min_gap_ms", "--min-gap", metavar="MS")] = 80

    def style(self) -> SubtitleStyle:
        """As our values."""
        return SubtitleStyle(**vars(self))


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer reads it: each field of a dataclass argument is an argument of its own.

    Its help is the docstring's paragraphs without their line ends: the terminal decides where lines end.
    """
    hints = get_type_hints(command, include_extras=True)
    arguments = inspect.signature(command).parameters

    @functools.wraps(command)
    def called(**values: Any) -> None:
        command(**{name: _made(name, hints[name], values) for name in arguments})

    parameters = [one for name, each in arguments.items() for one in _parameters(name, hints[name], each.default)]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    called.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in (command.__doc__ or "").split("\n\n"))
    return called


def _parameters(name: str, hint: Any, default: Any) -> Iterator[inspect.Parameter]:
    if is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        for each in fields(hint):
            yield from _parameters(each.name, hints[each.name], _default(each))
    else:
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        return one.default_factory()
    return inspect.Parameter.empty if one.default is MISSING else one.default


def _made(name: str, hint: Any, values: dict[str, Any]) -> Any:
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return values[name]
    hints = get_type_hints(hint, include_extras=True)
    return hint(**{each.name: _made(each.name, hints[each.name], values) for each in fields(hint)})
