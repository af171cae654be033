from sayit.transcriber.engine.language import most_likely

HEARD = [("ja", 0.5), ("ko", 0.3), ("en", 0.1), ("zh", 0.1)]


def test_most_likely_language_of_all():
    """Without a restriction the model's first choice counts, with its own probability."""
    assert most_likely(HEARD) == ("ja", 0.5)


def test_most_likely_language_among_some():
    """Among the allowed languages the most likely wins, with its share within them."""
    language, probability = most_likely(HEARD, among={"ko", "en"})
    assert language == "ko"
    assert abs(probability - 0.75) < 1e-9


def test_languages_that_the_model_lacks_restrict_nothing():
    """An allow-list without any of the model's languages is no allow-list."""
    assert most_likely(HEARD, among={"xx"}) == ("ja", 0.5)


def test_allowed_languages_without_any_probability():
    """Allowed languages that all have probability zero are equally likely."""
    assert most_likely([("ja", 1.0), ("ko", 0.0), ("en", 0.0)], among={"ko", "en"}) == ("ko", 0.5)
