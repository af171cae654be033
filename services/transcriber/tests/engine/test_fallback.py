import pytest

from sayit.transcriber.engine.fallback import MAX_POSITIONS, Effort, Fallback, Generated, compression_ratio
from sayit.transcriber.engine.window import Window

from .helper import options

PROMPT = (1, 2, 3)
REPEATED = "la " * 60


def window(audio_s=30.0, padded_frames=3000):
    """A window with so much audio."""
    return Window(start_frame=0, frames=round(audio_s * 100), padded_frames=padded_frames)


def answer(text="one two three", logprob=-0.3, no_speech=0.0):
    """What a model might answer."""
    return Generated(tokens=(7, 8), text=text, avg_logprob=logprob, no_speech_prob=no_speech)


def outcome_of(fallback, *answers):
    """Feeds the answers one by one and returns the outcome; all of them must be asked for."""
    for given in answers:
        assert fallback.next_step() is not None
        fallback.take(given)
    assert fallback.next_step() is None
    return fallback.outcome


def test_first_attempt_is_beam_search_and_the_next_is_sampling():
    """Temperatures are tried in order, with the options' beam, patience and best_of."""
    fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2), beam_size=4, patience=2.0, best_of=3), window())
    first = fallback.next_step()
    fallback.take(answer(logprob=-2))
    second = fallback.next_step()
    assert (first.temperature, first.beam_size, first.patience, first.prompt) == (0.0, 4, 2.0, PROMPT)
    assert (second.temperature, second.best_of) == (0.2, 3)


def test_forbidden_tokens_come_in_one_order():
    """However a request names them, attempts that forbid the same tokens fit into one call, and no others do."""
    one, other, none = (
        Fallback(PROMPT, options(suppress_tokens=tokens), window()).next_step() for tokens in ((7, 3, 7), (3, 7), ())
    )
    assert one.suppress_tokens == (3, 7)
    assert one.group == other.group != none.group


def test_good_result_ends_the_attempts():
    """A confident, varied text is the outcome at once."""
    outcome = outcome_of(Fallback(PROMPT, options(temperatures=(0.0, 0.2)), window()), answer())
    assert (outcome.temperature, outcome.silent, outcome.generated.text) == (0.0, False, "one two three")


def test_unsure_or_repetitive_results_fall_back():
    """A low mean log probability and a high compression ratio each fail an attempt."""
    fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2, 0.4)), window())
    outcome = outcome_of(fallback, answer(logprob=-1.5), answer(REPEATED), answer("fine"))
    assert (outcome.temperature, outcome.generated.text) == (0.4, "fine")


def test_a_loop_of_spaces_falls_back():
    """Many tokens without a letter are no silence, however sure the model is; where all fail, text is better."""
    blank = Generated(tokens=(7,) * 140, text="", avg_logprob=-0.05, no_speech_prob=0.2)
    fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2, 0.4)), window())
    assert outcome_of(fallback, blank, answer(REPEATED), blank).generated.text == REPEATED


def test_more_than_a_voice_can_say_falls_back():
    """Seventy letters take two seconds and more: in one second of audio they are invented, in three they are not."""
    text = "the quick brown fox jumps over the lazy dog and runs away from all of them again"
    for audio_s, temperature in ((1.0, 0.2), (3.0, 0.0)):
        fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2)), window(audio_s))
        answers = [answer(text), answer("fine")] if temperature else [answer(text)]
        assert outcome_of(fallback, *answers).temperature == temperature


def test_when_all_fail_the_likeliest_that_is_not_repetitive_is_taken():
    """A repetitive result loses against an unsure one, however likely it is; the last temperature is reported."""
    fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2, 0.4)), window())
    outcome = outcome_of(fallback, answer("unsure", -1.5), answer(REPEATED, -0.1), answer("worse", -3))
    assert (outcome.generated.text, outcome.temperature) == ("unsure", 0.4)


def test_a_phrase_that_is_really_repeated_stays():
    """Where sampling says the same less often, the repetition stands; where it says something else, it does not."""
    said = "ask not what your country can do for you " * 6
    for sampled, kept in (
        ("ask not what your country can do for you ask not. What your country can do for you. Ask " * 2, said),
        ("and so my fellow americans we shall not fail, whatever the price of liberty may be in the end", None),
        ("Ask not what your country", None),
    ):
        fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2)), window())
        outcome = outcome_of(fallback, answer(said, -0.1), answer(sampled, -0.3))
        assert outcome.generated.text == (kept or sampled)


def test_when_all_are_repetitive_the_likeliest_is_taken():
    """With nothing better, the most likely repetitive text is the outcome."""
    fallback = Fallback(PROMPT, options(temperatures=(0.0, 0.2)), window())
    outcome = outcome_of(fallback, answer(REPEATED, -0.5), answer(REPEATED + "lo", -0.2))
    assert outcome.generated.text.endswith("lo")
    assert outcome.compression_ratio > 2.4


def test_silence_is_not_tried_again():
    """An unsure text where the model hears no speech is silence, and no fallback follows."""
    outcome = outcome_of(
        Fallback(PROMPT, options(temperatures=(0.0, 0.2)), window()), answer(logprob=-1.5, no_speech=0.9)
    )
    assert outcome.silent


def test_confident_text_is_kept_although_no_speech_is_likely():
    """The no-speech probability alone silences nothing."""
    outcome = outcome_of(Fallback(PROMPT, options(), window()), answer(logprob=-0.3, no_speech=0.9))
    assert not outcome.silent


def test_limit_of_new_tokens():
    """The text gets at most half of the decoder's positions, the limit, and what the prompt leaves."""
    assert Fallback(PROMPT, options(), window()).next_step().max_new_tokens == MAX_POSITIONS // 2
    assert Fallback(PROMPT, options(max_tokens_per_window=20), window()).next_step().max_new_tokens == 20
    assert Fallback((1,) * 230, options(), window()).next_step().max_new_tokens == MAX_POSITIONS - 229
    assert Fallback(PROMPT, options(), window(3.0, 800)).next_step().max_new_tokens == 140


def test_compression_ratio():
    """Repetition compresses well, ordinary text does not, and no text has the ratio 0."""
    assert compression_ratio("") == 0
    assert compression_ratio("안녕하세요 하나 둘") < 2.4 < compression_ratio("감사합니다 " * 30)


@pytest.mark.parametrize(
    ("text", "logprob", "stands"), [("one two", -0.2, True), ("one two", -0.6, False), (REPEATED, -0.1, False)]
)
def test_a_greedy_text_stands_if_nothing_speaks_against_it(text, logprob, stands):
    """One row is decoded first; beam search follows where its text is unsure or repeats itself."""
    fallback = Fallback(
        PROMPT, options(beam_size=5, patience=2.0, temperatures=(0.0, 0.2)), window(), greedy_first=True
    )
    assert (fallback.next_step().beam_size, fallback.next_step().patience) == (1, 1.0)
    fallback.take(answer(text, logprob=logprob))
    step = fallback.next_step()
    assert (step is None) is stands
    if step is not None:
        assert (step.temperature, step.beam_size, step.patience) == (0.0, 5, 2.0)


def test_a_greedy_text_in_another_script_is_searched_again():
    """Korean in Latin letters is a wrong turn of the decoder, or English: beam search decides."""
    fallback = Fallback(PROMPT, options(beam_size=5), window(), greedy_first=True, language="ko")
    assert outcome_of(fallback, answer("annyeong", -0.1), answer("안녕", -0.3)).generated.text == "안녕"


def test_an_end_that_only_beam_search_says_twice_is_said_once():
    """Beam search prefers long texts; a voice that says it twice is heard greedily, too."""
    greedy = "어땠습니까?"
    for first, kept in ((greedy, greedy), (f"{greedy} {greedy}", f"{greedy} {greedy}")):
        fallback = Fallback(PROMPT, options(beam_size=5), window(), greedy_first=True)
        outcome = outcome_of(fallback, answer(first, -0.8), answer(f"{greedy} {greedy}", -0.6))
        assert outcome.generated.text == kept


@pytest.mark.parametrize(
    ("answers", "needed"),
    [
        ([answer(logprob=-0.9)], False),
        ([answer(logprob=-0.9), answer(logprob=-0.8)], False),
        ([answer(logprob=-0.9), answer(logprob=-1.1)], True),
        ([answer(REPEATED)], True),
        ([answer("bye bye")], True),
        ([answer(logprob=-0.9), answer("bye bye")], False),
    ],
)
def test_a_short_window_that_fails_or_says_something_again_is_made_longer(answers, needed):
    """Too little silence behind the audio makes loops, which no other search of the same window corrects."""
    fallback = Fallback(PROMPT, options(beam_size=5), window(3.0, 800), greedy_first=True)
    for given in answers:
        fallback.take(given)
    assert fallback.needs_full_window is needed


@pytest.mark.parametrize(
    ("effort", "for_doubt", "for_a_loop"), [(Effort.QUICK, False, True), (Effort.ONCE, False, False)]
)
def test_live_text_in_doubt_stays_in_its_short_window(effort, for_doubt, for_a_loop):
    """A reader waits for it: only what may be a loop is worth the time of 30 s; text that is soon replaced never is."""
    doubted = [answer(logprob=-0.9), answer(logprob=-1.1)]
    for answers, needed in ((doubted, for_doubt), ([answer(REPEATED)], for_a_loop)):
        asked = options(beam_size=5, temperatures=(0.0,))
        fallback = Fallback(PROMPT, asked, window(3.0, 800), greedy_first=True, effort=effort)
        for given in answers:
            fallback.take(given)
        assert fallback.needs_full_window is needed
