"""The hallucination filter: text that was not spoken is removed from the transcript and listed with its reason.

Whisper was trained on subtitles of videos, and on silence, music and noise it writes what stood there: thanks for
watching, a news reader's name, the same words over and over. No single figure tells such text from speech, so several
are combined: speech detected there, the model's own doubts, repetition, and a list of known phrases. Pure.
"""

from sayit.scheduler.assemble.hallucination.hallucination_filter import HallucinationFilter
from sayit.scheduler.assemble.hallucination.phrases import PhrasesError, load_phrases

__all__ = ["HallucinationFilter", "PhrasesError", "load_phrases"]
