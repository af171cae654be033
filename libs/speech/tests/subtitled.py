"""Transcripts that are shown as subtitles: what they look like lies in `golden/`."""

from __future__ import annotations

from sayit.speech.transcript import Coverage, Segment, Suppressed, SuppressionReason, Transcript, Usage, Word
from sayit.speech.word_times import spread


def _transcript(language: str, *segments: Segment, suppressed: tuple[Suppressed, ...] = ()) -> Transcript:
    duration_s = segments[-1].end_s + 1
    return Transcript(
        segments=segments,
        language=language,
        language_probability=0.98,
        duration_s=duration_s,
        coverage=Coverage(speech_detected_s=duration_s - 2, speech_transcribed_s=duration_s - 2),
        usage=Usage(audio_s=duration_s, compute_s=2.5),
        model="small",
        preset=language,
        suppressed=suppressed,
    )


def _segment(index: int, start_s: float, end_s: float, text: str, **rest: object) -> Segment:
    return Segment(id=index, start_s=start_s, end_s=end_s, text=text, language="ko", **rest)  # type: ignore[arg-type]


def _words(*words: tuple[str, float, float]) -> tuple[Word, ...]:
    return tuple(Word(text=f" {text}", start_s=start, end_s=end, probability=0.9) for text, start, end in words)


#: Long sentences, cut by Whisper in the middle; a short answer; a pause.
KOREAN = _transcript(
    "ko",
    _segment(
        0,
        0.5,
        9.8,
        "오늘 회의에서는 지난 분기 매출과 다음 분기 계획을 말씀드리겠습니다. "
        "먼저 매출부터 보시면 작년 같은 기간보다 십이 퍼센트",
    ),
    _segment(1, 9.8, 12.4, "늘었습니다. 네."),
    _segment(2, 14.0, 16.5, "질문 있으십니까?"),
    suppressed=(
        Suppressed(text="시청해주셔서 감사합니다", reason=SuppressionReason.NO_SPEECH, start_s=12.6, end_s=13.8),
    ),
)
#: Word times, a pause inside a segment, characters that mean something to players.
ENGLISH = _transcript(
    "en",
    _segment(
        0,
        1.0,
        6.0,
        "Yes. Wait for it: a --> b <i>now</i> & then.",
        words=_words(
            ("Yes.", 1.0, 1.3),
            ("Wait", 3.0, 3.2),
            ("for", 3.2, 3.4),
            ("it:", 3.4, 3.6),
            ("a", 3.7, 3.8),
            ("-->", 3.8, 3.9),
            ("b", 4.0, 4.1),
            ("<i>now</i>", 4.2, 4.8),
            ("&", 4.8, 5.0),
            ("then.", 5.0, 6.0),
        ),
    ),
    _segment(
        1,
        6.0,
        15.0,
        "Let me say a few words about the new service, Mr. Kim, which has been running since March without a break.",
    ),
)
#: Two speakers who interrupt each other, two scripts, a word that fits no line, Japanese without spaces.
MIXED = _transcript(
    "ko",
    _segment(0, 0.0, 6.0, "그 transcription service는 gRPC로 연결되고, 아주 빠릅니다.", speaker="김민수"),
    _segment(1, 5.0, 9.0, "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch!", speaker="Anna <&>"),
    _segment(
        2, 9.0, 15.0, "これは日本語の長い文章で、スペースがありませんから、行の途中で切ります。", speaker="Anna <&>"
    ),
)
#: A call: questions and answers in turns, a word of assent while the other speaks, and both at once.
CALL = _transcript(
    "ko",
    _segment(
        0,
        0.4,
        7.0,
        "안녕하세요, 지난주에 주문한 노트북이 아직 도착하지 않아서 전화드렸습니다. 확인해 주시겠어요?",
        channel=1,
    ),
    _segment(1, 3.0, 3.5, "네.", channel=2),
    _segment(2, 7.4, 12.0, "네, 주문 번호를 말씀해 주시면 바로 확인해 드리겠습니다.", channel=2),
    _segment(3, 12.5, 16.0, "번호는 하나 둘 셋 넷 다섯인데요, 제가", channel=1),
    _segment(4, 13.0, 16.5, "One moment please, the system is slow.", channel=2),
    _segment(5, 17.5, 18.0, "네.", channel=1),
    _segment(6, 17.5, 18.2, "찾았습니다.", channel=2),
)
ALL = {"korean": KOREAN, "english": ENGLISH, "mixed": MIXED, "call": CALL}


def with_words(transcript: Transcript) -> Transcript:
    """The same with a time for every word."""
    return Transcript(
        **{
            **{name: getattr(transcript, name) for name in transcript.__dataclass_fields__},
            "segments": tuple(
                Segment(**{**vars(one), "words": spread(one.text, one.start_s, one.end_s)})
                for one in transcript.segments
            ),
        }
    )
