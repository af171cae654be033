"""Hypothesis strategies for every value of `sayit.speech` that travels."""

from __future__ import annotations

from hypothesis import strategies as st

from sayit.speech.corrections import Corrections, SegmentCorrection
from sayit.speech.jobs import (
    ChunkText,
    Completed,
    Failed,
    Job,
    JobError,
    JobEvent,
    JobState,
    PartialText,
    Progress,
    Refinement,
    StateChanged,
)
from sayit.speech.options import Guard, Options, Task
from sayit.speech.redaction import RedactedKind, RedactStyle
from sayit.speech.rendering import SubtitleStyle
from sayit.speech.system import Model, Part, PartState, SystemStatus, TranscriberStatus
from sayit.speech.transcript import (
    Coverage,
    Redacted,
    Segment,
    Span,
    Suppressed,
    SuppressionReason,
    Transcript,
    Usage,
    Word,
)

#: Seconds on a grid of nanoseconds, up to 97 hours: subtitles have two digits for hours.
seconds = st.integers(0, 35 * 10**13).map(lambda nanos: nanos / 10**9)
#: Seconds since the epoch with the microseconds that clocks give.
times = st.integers(0, 4 * 10**15).map(lambda micros: micros / 10**6)
#: What people write down and a 32-bit float can keep: six significant digits.
figures = st.floats(-1000, 1000, width=32).map(lambda value: float(f"{value:.6g}"))
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text("->\n\t<&; 가1", max_size=20)
counts = st.integers(0, 2**31 - 1)
channels = st.sampled_from([0, 0, 1, 2, 8])


words = st.builds(Word, text=text, start_s=seconds, end_s=seconds, probability=figures)
segments = st.builds(
    Segment,
    id=counts,
    start_s=seconds,
    end_s=seconds,
    text=text,
    language=text,
    speaker=text,
    avg_logprob=figures,
    compression_ratio=figures,
    no_speech_prob=figures,
    temperature=figures,
    channel=channels,
    words=st.lists(words, max_size=3).map(tuple),
)
several_segments = st.lists(segments, max_size=3).map(tuple)
spans = st.builds(Span, start_s=seconds, end_s=seconds, channel=channels)
coverages = st.builds(
    Coverage, speech_detected_s=seconds, speech_transcribed_s=seconds, gaps=st.lists(spans, max_size=3).map(tuple)
)
suppressions = st.builds(
    Suppressed, text=text, reason=st.sampled_from(SuppressionReason), start_s=seconds, end_s=seconds
)
redactions = st.builds(Redacted, kind=st.sampled_from(RedactedKind), start_s=seconds, end_s=seconds, channel=channels)
usages = st.builds(Usage, audio_s=seconds, compute_s=seconds)
transcripts = st.builds(
    Transcript,
    segments=several_segments,
    language=text,
    language_probability=figures,
    duration_s=seconds,
    coverage=coverages,
    usage=usages,
    model=text,
    preset=text,
    suppressed=st.lists(suppressions, max_size=3).map(tuple),
    redacted=st.lists(redactions, max_size=3).map(tuple),
    version=counts,
)
segment_corrections = st.builds(
    SegmentCorrection,
    segment=counts,
    text=st.none() | text,
    words=st.dictionaries(counts, text, max_size=3),
    joined=st.booleans(),
    speaker=text,
)
corrections = st.builds(
    Corrections,
    version=counts,
    segments=st.lists(segment_corrections, max_size=3).map(tuple),
    names=st.dictionaries(text, text, max_size=3),
)
options = st.builds(
    Options,
    language=text.filter(bool),
    task=st.sampled_from(Task),
    model=text,
    prompt=text,
    hotwords=text,
    word_timestamps=st.booleans(),
    beam_size=counts,
    temperature=st.none() | figures,
    max_tokens_per_window=counts,
    voice_threshold=st.none() | figures,
    clip_timestamps=st.lists(seconds, max_size=3).map(tuple),
    guard=st.sampled_from(Guard),
    formatting=st.booleans(),
    mask_profanity=st.booleans(),
    redact=st.lists(text, max_size=3).map(tuple),
    redact_names=st.lists(text, max_size=3).map(tuple),
    redact_style=st.sampled_from(RedactStyle),
    delete_after_read=st.none() | st.booleans(),
)
styles = st.builds(
    SubtitleStyle,
    max_line_width=st.none() | counts,
    max_line_count=counts,
    max_words_per_line=st.none() | counts,
    highlight_words=st.booleans(),
    chars_per_second=st.none() | figures,
    min_gap_ms=counts,
)
states = st.sampled_from(JobState)
progresses = st.builds(
    Progress,
    audio_done_s=seconds,
    audio_total_s=st.none() | seconds,
    chunks_done=counts,
    chunks_total=st.none() | counts,
    queue_position=st.none() | counts,
    eta_s=st.none() | seconds,
    audio_declared_s=st.none() | seconds,
)
job_errors = st.builds(JobError, code=text, message_en=text, message_ko=text)
jobs = st.builds(
    Job,
    id=text,
    state=states,
    options=options,
    progress=progresses,
    filename=text,
    created_at_s=times,
    started_at_s=st.none() | times,
    finished_at_s=st.none() | times,
    expires_at_s=st.none() | times,
    error=st.none() | job_errors,
    model=text,
    cached=st.booleans(),
    warnings=st.lists(text, max_size=2).map(tuple),
    last_seq=st.integers(0, 2**63 - 1),
    labels=st.dictionaries(text, text, max_size=2),
    transcript_version=counts,
)
bodies = st.one_of(
    st.builds(StateChanged, state=states),
    st.builds(ChunkText, chunk_index=counts, segments=several_segments),
    st.builds(PartialText, chunk_index=counts, segments=several_segments),
    st.builds(
        Refinement, number=counts, chunk_indexes=st.lists(counts, max_size=3).map(tuple), segments=several_segments
    ),
    st.builds(Completed, language=text, duration_s=seconds, segment_count=counts, cached=st.booleans()),
    st.builds(Failed, error=job_errors),
    progresses,
)
events = st.builds(JobEvent, job_id=text, time_s=times, body=bodies, seq=st.integers(0, 2**63 - 1))
models = st.builds(Model, name=text, default=st.booleans(), transcribers=counts)
statuses = st.builds(
    SystemStatus,
    state=st.sampled_from(PartState),
    parts=st.lists(st.builds(Part, name=text, state=st.sampled_from(PartState), detail=text), max_size=3).map(tuple),
    transcribers_online=counts,
    transcribers_expected=counts,
    transcribers=st.lists(
        st.builds(
            TranscriberStatus, id=text, model=text, slots=counts, busy=counts, speed=st.floats(0, 1e6, allow_nan=False)
        ),
        max_size=3,
    ).map(tuple),
    uptime_s=seconds,
    jobs_per_day=st.integers(0, 2**63 - 1),
    success_rate=st.none() | st.floats(0, 1),
    mean_time_s=st.none() | seconds,
    version=text,
    chunks_waiting=counts,
)
