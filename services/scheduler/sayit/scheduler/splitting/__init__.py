"""Splitting a recording into chunks: where speech is, where to cut, how to pack; pure and incremental.

Speech is found with hysteresis over voice probabilities, which a `VoiceDetector` gives for every 512 samples.
Neighbouring speech is packed into chunks of at most one Whisper window; cuts lie in the best pause before the limit.
Channels that are kept apart have a splitter each.
"""

from sayit.scheduler.splitting.channels import LEVEL_SAMPLES, ChannelSplitter
from sayit.scheduler.splitting.config import SplitConfig
from sayit.scheduler.splitting.speech import FRAME_SAMPLES, SampleSpan, SpeechFinder, VoiceDetector
from sayit.scheduler.splitting.splitter import ReadyChunk, Splitter

__all__ = [
    "FRAME_SAMPLES",
    "LEVEL_SAMPLES",
    "ChannelSplitter",
    "ReadyChunk",
    "SampleSpan",
    "SpeechFinder",
    "SplitConfig",
    "Splitter",
    "VoiceDetector",
]
