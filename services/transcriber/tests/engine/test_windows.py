import numpy as np
import pytest

from sayit.speech.transcript import SuppressionReason, Word
from sayit.transcriber.engine.fallback import DecodePolicy, Generated, WindowResult
from sayit.transcriber.engine.language import Candidate
from sayit.transcriber.engine.window import Passage, Window
from sayit.transcriber.engine.windows import CONTEXT_TOKENS, ChunkDecoding

from .helper import options

PREVIOUS, START, TRANSCRIBE = 900, 901, 902


class Letters:
    """A vocabulary whose tokens are letters; how a window splits is told beforehand."""

    start_of_previous = PREVIOUS
    start_sequence = (START, TRANSCRIBE)
    end_of_text = 1 << 20

    def __init__(self, *splits):
        self.splits = list(splits)

    def encode(self, text):
        """One token per letter."""
        return tuple(map(ord, text))

    def text(self, tokens):
        """The letters."""
        return "".join(map(chr, tokens))

    def split(self, tokens, window):
        """The next of the splits given."""
        return self.splits.pop(0)


def passage(text, start_s, end_s, words=()):
    """Text as the model placed it."""
    return Passage(start_s=start_s, end_s=end_s, tokens=tuple(map(ord, text)), words=words)


def outcome(text="", *, temperature=0.0, silent=False):
    """A window's result."""
    generated = Generated(tokens=tuple(map(ord, text)), text=text, avg_logprob=-0.5, no_speech_prob=0.1)
    return WindowResult(generated=generated, compression_ratio=1.5, temperature=temperature, silent=silent, fluent=True)


def decoding(seconds, *splits, loud=None, **changes):
    """A chunk of this length whose windows will split like this."""
    made = ChunkDecoding(duration_s=seconds, frames=int(seconds * 100), options=options(**changes), loud=loud)
    made.speak(Candidate(language="ko", probability=0.9), Letters(*splits))
    return made


def step(made, result):
    """Decodes one window with this result."""
    window = made.next_window()
    made.keep(made.judge(result))
    return window


def prompt_of(made):
    """The prompt of the open window."""
    return made.fallback().next_step().prompt


def test_windows_go_on_where_the_last_one_left_off():
    """A window starts where the one before said to go on, and ends with the audio."""
    made = decoding(40.0, ((passage("one", 0, 10),), 1000), ((passage("two", 10, 40),), 4000))
    assert step(made, outcome("one")) == Window(start_frame=0, frames=3000)
    assert step(made, outcome("two")) == Window(start_frame=1000, frames=3000)
    assert made.next_window() is None
    text = made.text(1.5)
    assert [(s.id, s.start_s, s.end_s, s.text, s.language) for s in text.segments] == [
        (0, 0, 10, "one", "ko"),
        (1, 10, 40, "two", "ko"),
    ]
    assert (text.windows, text.compute_s, text.language, text.language_probability) == (2, 1.5, "ko", 0.9)


def test_segments_carry_what_their_window_was_worth():
    """Each segment has its window's log probability, compression ratio, no-speech probability and temperature."""
    made = decoding(5.0, ((passage("a", 0, 1),), 500))
    step(made, outcome("a", temperature=0.2))
    [segment] = made.text(0).segments
    assert (segment.avg_logprob, segment.compression_ratio, segment.no_speech_prob, segment.temperature) == (
        -0.5,
        1.5,
        0.1,
        0.2,
    )


def loud_until(end_s, seconds):
    """Speech from the beginning, quiet behind it: of each frame, whether it may be speech."""
    return np.arange(round(seconds * 100)) < round(end_s * 100)


def test_a_rest_in_which_much_is_heard_is_decoded_once_more():
    """Where the model says that nothing follows, and much follows, the rest is a window of its own, once."""
    made = decoding(29.0, ((passage("one", 0, 8),), 2900), ((passage("two", 10, 12),), 2900))
    assert step(made, outcome("one")) == Window(start_frame=0, frames=2900)
    assert step(made, outcome("two")) == Window(start_frame=800, frames=2100)
    assert made.next_window() is None
    assert [segment.text for segment in made.text(0).segments] == ["one", "two"]


@pytest.mark.parametrize(
    ("heard_s", "changes"), [(9.4, {}), (29.0, {"max_tokens_per_window": 8})], ids=["quiet", "a limit of tokens"]
)
def test_a_rest_that_may_be_silent_is_believed(heard_s, changes):
    """A rest in which hardly anything is heard, and one behind a limit of tokens, are not decoded."""
    made = decoding(29.0, ((passage("one", 0, 8.0),), 2900), loud=loud_until(heard_s, 29), **changes)
    step(made, outcome("one"))
    assert made.next_window() is None


def test_decoding_always_advances():
    """A model that wants to go on from where it is does not keep the chunk for ever."""
    made = ChunkDecoding(duration_s=2.0, frames=200, options=options())
    made.speak(Candidate(language="ko", probability=1.0), Letters(*[((), 0)] * 100))
    starts = []
    while (window := made.next_window()) is not None:
        starts.append(window.start_frame)
        made.keep(made.judge(outcome()))
    assert starts == list(range(0, 160, 20))


@pytest.mark.parametrize(("heard_s", "decoded"), [(8.45, False), (8.55, True), (10.0, True)])
def test_a_rest_in_which_hardly_anything_is_heard_is_not_decoded(heard_s, decoded):
    """The end of a word and the silence behind it are not worth a window; half a second of speech is."""
    made = decoding(10.0, ((passage("a", 0, 8.0),), 800), loud=loud_until(heard_s, 10))
    step(made, outcome("a"))
    assert made.next_window() == (Window(start_frame=800, frames=200) if decoded else None)


def test_a_loop_that_no_voice_can_say_is_said_once():
    """What is more than its time holds, and goes round, is said once; the rest is reported as repetition."""
    made = decoding(10.0, ((passage("ko " + "ab " * 60, 0, 2.0), passage("ab " * 12, 2.0, 8.0)), 1000))
    step(made, outcome("ab"))
    text = made.text(0)
    assert [segment.text for segment in text.segments] == ["ko ab", ("ab " * 12).strip()]
    [gone] = text.suppressed
    assert (gone.text, gone.reason) == (("ab " * 59).strip(), SuppressionReason.REPETITION)


def test_much_text_that_does_not_go_round_stays():
    """Timestamps may be wrong: only loops are cut."""
    letters = "".join(map(chr, range(ord("a"), ord("z") + 1))) * 3
    made = decoding(10.0, ((passage(letters, 0, 0.5),), 1000))
    step(made, outcome(letters))
    assert [segment.text for segment in made.text(0).segments] == [letters]


def test_short_chunk_is_decoded():
    """Whatever there is of audio gets one window, however short."""
    assert decoding(0.05).next_window() == Window(start_frame=0, frames=5)


def test_no_audio_has_no_window():
    """Less than one frame is nothing to decode."""
    assert decoding(0.005).next_window() is None


def test_earlier_text_is_the_next_prompt():
    """The next window's prompt is announced context, then the start of a transcript."""
    made = decoding(40.0, ((passage("ab", 0, 10), passage("c", 10, 20)), 2000), prompt="p")
    made.next_window()
    assert prompt_of(made) == (PREVIOUS, ord(" "), ord("p"), START, TRANSCRIBE)
    made.keep(made.judge(outcome("abc")))
    made.next_window()
    assert prompt_of(made) == (PREVIOUS, *map(ord, " pabc"), START, TRANSCRIBE)


def test_without_context_every_window_has_the_prompt_alone():
    """What earlier windows said does not come along, whatever temperature they were decoded with."""
    splits = (((passage("ab", 0, 10),), 1000), ((passage("c", 10, 20),), 2000))
    made = decoding(50.0, *splits, prompt="p", within_chunk_context=False)
    for result in (outcome("ab"), outcome("c", temperature=0.8)):
        step(made, result)
        made.next_window()
        assert prompt_of(made) == (PREVIOUS, *map(ord, " p"), START, TRANSCRIBE)


def test_prompt_without_context_is_the_start_alone():
    """Nothing to remember, nothing announced."""
    made = decoding(5.0)
    made.next_window()
    assert prompt_of(made) == (START, TRANSCRIBE)


def test_hotwords_come_before_every_window():
    """Hotwords stand before the context, in every window."""
    made = decoding(40.0, ((passage("ab", 0, 10),), 1000), hotwords="h")
    made.next_window()
    assert prompt_of(made) == (PREVIOUS, ord(" "), ord("h"), START, TRANSCRIBE)
    made.keep(made.judge(outcome("ab")))
    made.next_window()
    assert prompt_of(made) == (PREVIOUS, *map(ord, " hab"), START, TRANSCRIBE)


@pytest.mark.parametrize(("prompt", "hotwords"), [("p" * 2000, "h" * 2000), ("p" * 2000, "h"), ("p", "h" * 2000)])
def test_prompt_and_hotwords_leave_room_for_the_text(prompt, hotwords):
    """However long they are, context and hotwords share half of the positions; the context's end stays."""
    made = decoding(5.0, prompt=prompt, hotwords=hotwords)
    made.next_window()
    fallback_step = made.fallback().next_step()
    assert len(fallback_step.prompt) == 1 + CONTEXT_TOKENS + 2
    assert fallback_step.prompt[1:3] == (ord(" "), ord("h"))
    assert fallback_step.prompt[-3] == ord("p")
    assert fallback_step.max_new_tokens > 200


def test_text_sampled_wildly_is_no_context():
    """After a temperature above 0.5 the context starts anew; at 0.5 it stays."""
    made = decoding(90.0, ((passage("a", 0, 30),), 3000), ((passage("b", 30, 60),), 6000))
    step(made, outcome("a", temperature=0.5))
    made.next_window()
    assert prompt_of(made)[0] == PREVIOUS
    made.keep(made.judge(outcome("b", temperature=0.6)))
    made.next_window()
    assert prompt_of(made) == (START, TRANSCRIBE)


def test_silent_window_is_skipped_and_its_text_reported():
    """Text in a window without speech is suppressed with the window's span, and is no context."""
    made = decoding(35.0)
    step(made, outcome("thanks", silent=True))
    made.next_window()
    assert prompt_of(made) == (START, TRANSCRIBE)
    text = made.text(0)
    assert text.segments == ()
    [gone] = text.suppressed
    assert (gone.text, gone.reason, gone.start_s, gone.end_s) == ("thanks", SuppressionReason.NO_SPEECH, 0, 30)


def test_silent_window_without_text_leaves_no_trace():
    """Silence that the model left empty is just silence."""
    made = decoding(5.0)
    step(made, outcome("", silent=True))
    assert made.text(0).suppressed == ()


def test_text_where_no_audio_is_is_suppressed():
    """A passage behind the audio's end or of no length is removed and reported; one that crosses it is clipped."""
    inside, flat = passage("in", 0, 7.0), passage("flat", 7.0, 7.0)
    over, out = passage("over", 7.5, 9.0), passage("out", 8.0, 9.0)
    made = decoding(8.0, ((inside, flat, over, out), 800))
    step(made, outcome("…"))
    text = made.text(0)
    assert [(s.text, s.start_s, s.end_s) for s in text.segments] == [("in", 0, 7.0), ("over", 7.5, 8.0)]
    assert [(s.text, s.reason) for s in text.suppressed] == [
        ("flat", SuppressionReason.OUTSIDE_AUDIO),
        ("out", SuppressionReason.OUTSIDE_AUDIO),
    ]


def test_words_are_kept_and_clipped():
    """Words stay with their segment, within the chunk; the last one's end is where alignment continues."""
    made = decoding(3.0, ((passage("a b", 0, 2.9),), 300))
    made.next_window()
    [kept] = made.judge(outcome("a b"))
    words = (
        Word(text="a", start_s=-0.1, end_s=1.0, probability=0.9),
        Word(text=" b", start_s=2.0, end_s=3.4, probability=0.8),
    )
    made.keep((Passage(start_s=0, end_s=3.4, tokens=kept.tokens, words=words),))
    [segment] = made.text(0).segments
    assert [(w.text, w.start_s, w.end_s) for w in segment.words] == [("a", 0.0, 1.0), (" b", 2.0, 3.0)]
    assert segment.end_s == 3.0
    assert made.last_word_end_s == 3.4


def test_a_short_window_is_padded_to_a_little_more_than_its_audio():
    """At least 5 s of silence follow, in a few lengths; a text that fails gets all 30 s."""
    lengths = {}
    for seconds in (0.5, 3.0, 3.1, 12.0, 19.1, 29.0, 40.0):
        made = ChunkDecoding(
            duration_s=seconds, frames=round(seconds * 100), options=options(), policy=DecodePolicy(greedy_first=False)
        )
        lengths[seconds] = made.next_window().padded_frames
    assert lengths == {0.5: 800, 3.0: 800, 3.1: 1200, 12.0: 2000, 19.1: 3000, 29.0: 3000, 40.0: 3000}
    made = ChunkDecoding(duration_s=3.0, frames=300, options=options(), policy=DecodePolicy())
    made.speak(Candidate(language="ko", probability=1.0), Letters())
    assert made.next_window().short
    assert made.widen() == Window(start_frame=0, frames=300)
    assert made.fallback().next_step().padded_frames == 3000


@pytest.mark.parametrize(("seconds", "beams"), [(3.0, 1), (11.0, 1), (11.1, 5), (29.0, 5)])
def test_little_audio_is_decoded_greedily_first(seconds, beams):
    """Where beam search pays for itself, it comes at once."""
    made = ChunkDecoding(
        duration_s=seconds, frames=round(seconds * 100), options=options(beam_size=5), policy=DecodePolicy()
    )
    made.speak(Candidate(language="ko", probability=1.0), Letters())
    made.next_window()
    assert made.fallback().next_step().beam_size == beams
