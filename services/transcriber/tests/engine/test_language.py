import pytest

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO, LANGUAGES
from sayit.transcriber.engine.fallback import Fallback, Generated, WindowResult
from sayit.transcriber.engine.language import Candidate, allowed, contenders, is_foreign, is_written_in, shares
from sayit.transcriber.engine.language_search import LanguageCandidates, better
from sayit.transcriber.engine.window import Window

from .helper import options

WINDOW = Window(start_frame=0, frames=3000)
HEARD = [("ja", 0.5), ("ko", 0.3), ("en", 0.1), ("zh", 0.1)]
KNOWN = {"ko", "en", "ja", "zh"}


def candidates(**probabilities):
    """Languages in this order."""
    return [Candidate(language=language, probability=p, share=p) for language, p in probabilities.items()]


def outcome(avg_logprob, *, text="...", ratio=1.0, silent=False, tokens=9):
    """A window's result."""
    generated = Generated(tokens=(1,) * tokens, text=text, avg_logprob=avg_logprob, no_speech_prob=0.0)
    return WindowResult(
        generated=generated, compression_ratio=ratio, temperature=0.0, silent=silent, fluent=ratio <= 2.4
    )


def test_a_fixed_language_is_the_only_one():
    """Where the language is given, the list does not matter."""
    assert allowed(options(language="ko", languages=("en",)), KNOWN) == ("ko",)


def test_the_list_is_cut_to_what_the_model_knows():
    """Languages that the model lacks are left out, the others keep their order."""
    assert allowed(options(language=AUTO, languages=("en", "yue", "ko")), KNOWN) == ("en", "ko")


def test_an_operators_list_counts_where_the_request_has_none():
    """A request's list or language goes before it."""
    assert allowed(options(language=AUTO), KNOWN, ("en", "ja")) == ("en", "ja")
    assert allowed(options(language=AUTO, languages=("ko",)), KNOWN, ("en", "ja")) == ("ko",)
    assert allowed(options(language="ko"), KNOWN, ("en", "ja")) == ("ko",)


def test_no_list_allows_every_language():
    """An empty list means all that the model knows."""
    assert set(allowed(options(language=AUTO), KNOWN)) == KNOWN


@pytest.mark.parametrize("changes", [{"language": "yue"}, {"language": AUTO, "languages": ("yue", "xx")}])
def test_nothing_that_the_model_knows_is_an_error(changes):
    """A model that knows none of the languages asked for refuses, and names them."""
    with pytest.raises(SayItError) as caught:
        allowed(options(**changes), KNOWN)
    assert caught.value.kind is ErrorKind.INVALID_LANGUAGE
    assert "yue" in str(caught.value)


def test_shares_are_those_among_the_allowed():
    """The most likely allowed language comes first, with its share of what the allowed ones have together."""
    first, second = shares(HEARD, ("en", "ko"))
    assert (first.language, second.language) == ("ko", "en")
    assert (first.share, first.probability) == (pytest.approx(0.75), 0.3)
    assert (second.share, second.probability) == (pytest.approx(0.25), 0.1)


def test_allowed_languages_without_any_probability_are_equally_likely():
    """Nothing heard of either says nothing about either."""
    assert [each.share for each in shares([("ja", 1.0)], ("ko", "en"))] == [0.5, 0.5]


def test_a_clear_language_has_no_rival():
    """Only a doubtful detection, or a closer look that says otherwise, has the window decoded twice."""
    assert [c.language for c in contenders(candidates(ko=0.9, en=0.1))] == ["ko"]
    assert [c.language for c in contenders(candidates(ko=0.9, en=0.1), hint="ko")] == ["ko"]
    assert [c.language for c in contenders(candidates(ko=0.6, en=0.3, ja=0.1))] == ["ko", "en"]
    hinted = contenders(candidates(ko=0.9, en=0.06, ja=0.04), hint="ja")
    assert [(c.language, c.share) for c in hinted] == [("ko", 0.9), ("ja", 0.9)]
    assert [c.language for c in contenders(candidates(ko=0.5))] == ["ko"]


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        (outcome(-0.5), outcome(-0.4), 1),
        (outcome(-0.4), outcome(-0.4), 0),
        (outcome(-0.9), outcome(-0.1, ratio=3.0), 0),
        (outcome(-0.9), outcome(-0.1, silent=True), 0),
        (outcome(-0.9, ratio=3.0), outcome(-1.5), 1),
        (outcome(-0.4, text="hello"), outcome(-0.5, text="hello"), 1),
        (outcome(-0.5, text="사진"), outcome(-0.4, text="사진"), 0),
        (outcome(-0.5, text="사진"), outcome(-0.4, text="photo"), 1),
    ],
    ids=[
        "likelier",
        "equal",
        "repetitive",
        "silent",
        "the first is repetitive",
        "English",
        "Korean",
        "each in its own script",
    ],
)
def test_the_better_text_is_kept(first, second, best):
    """Speech before silence, fluent before repetitive, then the likelier text, then the likelier language."""
    ko, en = candidates(ko=0.6, en=0.4)
    assert better([(ko, first), (en, second)], by_script=True) == best


@pytest.mark.parametrize(("tokens", "best"), [(6, "ko"), (60, "ja")])
def test_a_short_text_does_not_overrule_what_was_heard(tokens, best):
    """A language that was heard clearly better keeps a few words, whose probability says little; not a long text."""
    ko, ja = candidates(ko=0.74, ja=0.12)
    both = [(ko, outcome(-0.95, text="안녕", tokens=tokens)), (ja, outcome(-0.85, text="おやす", tokens=tokens))]
    assert both[better(both, by_script=True)][0].language == best


def test_a_trial_decodes_every_language_and_keeps_the_best():
    """Each language has attempts of its own, with fallback; the verdict is the better outcome."""
    ko, en = candidates(ko=0.6, en=0.4)
    asked = options(temperatures=(0.0, 0.4))
    trial = LanguageCandidates(
        [(ko, Fallback((1,), asked, WINDOW)), (en, Fallback((2,), asked, WINDOW))], by_script=True
    )
    answers = {(1, 0.0): -3.0, (1, 0.4): -0.9, (2, 0.0): -0.5}
    tried = []
    while (fallback_step := trial.next_step()) is not None:
        tried.append((fallback_step.prompt[0], fallback_step.temperature))
        trial.take(Generated(tokens=(1,), text="x", avg_logprob=answers[tried[-1]], no_speech_prob=0.0))
    assert tried == [(1, 0.0), (1, 0.4), (2, 0.0)]
    candidate, kept = trial.verdict
    assert candidate == en
    assert kept.generated.avg_logprob == -0.5


def test_a_text_in_another_script_names_its_language():
    """What was decoded in one language and written in another's script is to be tried in that, too."""
    ko, en = candidates(ko=0.95, en=0.05)
    for text, foreign in (("hello", "hello"), ("사진", ""), ("사진 hello", "")):
        trial = LanguageCandidates([(ko, Fallback((1,), options(), WINDOW))], by_script=True)
        trial.next_step()
        trial.take(Generated(tokens=(1,), text=text, avg_logprob=-0.5, no_speech_prob=0.0))
        assert trial.next_step() is None
        assert trial.foreign_text == foreign
    trial.add(en, Fallback((2,), options(), WINDOW))
    assert trial.next_step().prompt == (2,)
    trial.take(Generated(tokens=(1,), text="hello", avg_logprob=-0.6, no_speech_prob=0.0))
    assert trial.foreign_text == ""


def test_a_translation_says_nothing_of_its_language():
    """Without languages to tell by script, English text of Korean speech raises no doubt, and only its worth counts."""
    ko, en = candidates(ko=0.6, en=0.4)
    trial = LanguageCandidates([(ko, Fallback((1,), options(), WINDOW))], by_script=False)
    trial.next_step()
    trial.take(Generated(tokens=(1,), text="photo", avg_logprob=-0.4, no_speech_prob=0.0))
    assert trial.foreign_text == ""
    both = [(ko, outcome(-0.4, text="photo")), (en, outcome(-0.5, text="photo"))]
    assert better(both, by_script=False) == 0


@pytest.mark.parametrize(
    ("text", "language", "written", "foreign"),
    [
        ("오늘 날씨", "ko", True, False),
        ("오늘 날씨", "en", False, True),
        ("hello, 2 teachers!", "de", True, False),
        ("내일 API 서버 start", "ko", False, False),
        ("12 34", "ko", False, False),
        ("日本", "ja", True, False),
        ("日本", "yue", True, False),
        ("こんにちは", "zh", False, True),
        ("Привет", "sr", True, False),
        ("hello", "xx", False, False),
    ],
)
def test_script_speaks_for_and_against_a_language(text, language, written, foreign):
    """Nine of ten letters decide; a text of two scripts, one without letters and an unknown language say nothing."""
    assert (is_written_in(text, language), is_foreign(text, language)) == (written, foreign)


def test_the_scripts_of_all_languages_are_known():
    """Every language of Whisper's has a script."""
    assert [code for code in sorted(LANGUAGES) if not is_foreign("Ꭰ", code)] == []
