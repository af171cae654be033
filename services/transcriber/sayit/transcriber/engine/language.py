"""Which language the model's probabilities mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def most_likely(
    probabilities: Sequence[tuple[str, float]], *, among: Collection[str] | None = None
) -> tuple[str, float]:
    """The most likely language and its probability.

    Args:
        probabilities: codes with their probabilities, most likely first, not empty.
        among: the languages to choose from; None for every language of the model. The probability is then the share
            within these languages, so that it stays comparable. A choice that the model has none of counts as None.
    """
    allowed = [(code, p) for code, p in probabilities if among is None or code in among]
    if among is None or not allowed:
        return probabilities[0]
    code, best = max(allowed, key=lambda item: item[1])
    total = sum(p for _, p in allowed)
    return code, best / total if total > 0 else 1 / len(allowed)
