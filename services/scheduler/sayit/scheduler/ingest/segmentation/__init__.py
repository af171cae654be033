"""Splitting a recording into chunks: where speech is, where to cut, how to pack; pure and incremental.

Speech is found with hysteresis over voice probabilities, which a `VoiceDetector` gives for every 512 samples.
Neighbouring speech is packed into chunks of at most one Whisper window; cuts lie in the best pause before the limit.
Channels that are kept apart have a splitter each.
"""

from sayit.scheduler.ingest.segmentation.channels import ChannelSplitter
from sayit.scheduler.ingest.segmentation.config import SplitConfig
from sayit.scheduler.ingest.segmentation.speech_spans import FRAME_SAMPLES, SpeechFinder, VoiceDetector
from sayit.scheduler.ingest.segmentation.splitter import Splitter

__all__ = [
    "FRAME_SAMPLES",
    "ChannelSplitter",
    "SpeechFinder",
    "SplitConfig",
    "Splitter",
    "VoiceDetector",
]
