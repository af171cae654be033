"""What one file may cost, and what is known about it once it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

#: The file ends before the length it declares.
TRUNCATED_AUDIO = "TRUNCATED_AUDIO"
#: Some packets could not be decoded; silence stands in their place.
CORRUPT_PACKETS = "CORRUPT_PACKETS"
#: Channels were to be kept apart, and the file has more or fewer of them later; that part is in the first channel.
CHANNELS_CHANGED = "CHANNELS_CHANGED"
#: Two channels oppose each other, so that little is left of their mix; one of them was used where they do.
CHANNELS_CANCEL = "CHANNELS_CANCEL"
#: Another audio track than the file's own choice was transcribed, because that one has hardly any speech.
OTHER_TRACK = "OTHER_TRACK"
#: The file has further audio tracks with sound, which were not transcribed.
TRACKS_LEFT_OUT = "TRACKS_LEFT_OUT"
#: The file goes on behind its declared end with something that could not be read.
UNREAD_DATA = "UNREAD_DATA"
#: Every warning a decoded file can carry.
WARNINGS = frozenset(
    {
        TRUNCATED_AUDIO,
        CORRUPT_PACKETS,
        CHANNELS_CHANGED,
        CHANNELS_CANCEL,
        OTHER_TRACK,
        TRACKS_LEFT_OUT,
        UNREAD_DATA,
    }
)


@dataclass(frozen=True, kw_only=True)
class MediaLimits:
    """Bounds on one file; they hold whatever the file's headers claim."""

    #: Seconds of decoded audio.
    max_audio_s: float = 14_400.0
    #: Samples per second, lowest.
    min_rate_hz: int = 8_000
    #: Samples per second, highest.
    max_rate_hz: int = 192_000
    #: Channels.
    max_channels: int = 8
    #: Seconds that the decoder may keep its reader waiting, in all; a slow reader is not counted.
    wall_s: float = 8.0
    #: Seconds of waiting allowed in addition for each second of audio delivered: a tenth of real time.
    wall_per_audio_s: float = 0.1
    #: Processor seconds of the child (RLIMIT_CPU).
    cpu_s: int = 900
    #: Megabytes of the child's address space (RLIMIT_AS), and of its resident memory where the system ignores that.
    memory_mb: int = 448


@dataclass(frozen=True, kw_only=True)
class AudioSummary:
    """What a file turned out to be."""

    #: Samples delivered of each channel, at 16 kHz.
    samples: int
    #: The demuxer's name, such as `mp3` or `mov,mp4,m4a,3gp,3g2,mj2`.
    container: str
    #: The decoder's name, such as `aac`.
    codec: str
    #: The file's own sample rate.
    sample_rate_hz: int
    #: The file's own channel count.
    channels: int
    #: Those of WARNINGS that apply.
    warnings: tuple[str, ...] = ()
