# ruff: noqa: PLC0415 - the client is imported where it is needed, so that `sayit --help` is quick
"""`sayit listen`: text while it is spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from sayit.cli.commands.arguments import TextOptions, option, spread
from sayit.cli.connection import SuiteChoice
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.listening.sources import MICROPHONE, sound
from sayit.cli.messages import error_line, note
from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.errors import SayItError
from sayit.speech.jobs import JobState
from sayit.speech.language_names import AUTO
from sayit.speech.live import LiveFinished, LiveOptions, TurnDetection


@dataclass(frozen=True, kw_only=True)
class Listening:
    """The arguments."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A recording, which is played in real time; - reads raw audio, mono, 16-bit, from standard input.",
            show_default="the microphone",
        ),
    ] = MICROPHONE
    language: Annotated[str, option("language", "--language", "-l")] = AUTO
    text: TextOptions
    rate: Annotated[
        int,
        typer.Option(
            "--rate", min=8_000, max=48_000, metavar="HZ", help="Samples per second of standard input and microphone."
        ),
    ] = SAMPLE_RATE_HZ
    silence: Annotated[
        float | None,
        typer.Option(
            "--silence",
            min=0.2,
            max=5.0,
            metavar="SECONDS",
            help="Silence that ends an utterance.",
            show_default="the suite's",
        ),
    ] = None
    fast: Annotated[bool, typer.Option("--fast", help="Send a recording as fast as the suite takes it.")] = False
    refine: Annotated[
        bool, typer.Option("--refine", help="Decode all of it again at the end: the job's transcript has fewer errors.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as one line of JSON.")] = False
    suite: SuiteChoice


@spread
def listen(call: Listening) -> None:
    """Transcribe speech while it is spoken: each utterance is a line on standard output.

    On a terminal the text grows while it is spoken, and what may still change is dim. The first Ctrl-C finishes: the
    last words follow, and the job is one like any other, whose id is shown. Uses the suite at --server, else one that
    runs on this machine, else starts one for the length of this call.
    """
    try:
        options = call.text.options(language=call.language).normalised()
    except SayItError as error:
        raise Failure(Exit.USAGE, error_line("sayit", error)) from None
    audio = sound(call.source, call.rate, fast=call.fast)
    live = LiveOptions(
        sample_rate_hz=audio.rate_hz,
        interim_results=not call.fast,
        turn_detection=TurnDetection(silence_s=call.silence),
        refine=call.refine,
    )
    import asyncio

    from sayit.cli import interrupt, target
    from sayit.cli.listening.display import utterances

    suite = target.choose(call.suite)
    shown = utterances(as_json=call.as_json)

    async def main() -> Exit:
        status = Exit.FAILED
        if suite.starting:
            note(suite.starting)
        async with (
            suite.client(note) as client,
            client.stream_recognize(live, options=suite.asked(options), filename=audio.name) as session,
        ):
            if call.source == MICROPHONE:
                note("Listening; Ctrl-C ends.")
            ending: list[asyncio.Task[None]] = []
            with shown, interrupt.first(lambda: ending.append(asyncio.create_task(session.finish()))):
                async for event in session.recognize(audio.pieces):
                    shown.show(event)
                    if isinstance(event, LiveFinished):
                        status = Exit.FAILED if event.job.state is JobState.FAILED else Exit.OK
            note(f"job {session.job_id}")
        return status

    raise typer.Exit(interrupt.run(main))
