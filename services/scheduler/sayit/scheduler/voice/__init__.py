"""Voice activity by Silero: the one adapter of the splitter's `VoiceDetector`."""

from sayit.scheduler.voice.silero import SileroDetector

__all__ = ["SileroDetector"]
