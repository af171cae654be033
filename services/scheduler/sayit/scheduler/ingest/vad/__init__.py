"""Voice activity by Silero: the one adapter of the splitter's `VoiceDetector`."""

from sayit.scheduler.ingest.vad.silero import SileroDetector

__all__ = ["SileroDetector"]
