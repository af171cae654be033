"""Every error a user can meet, with its stable code and its sentence in English and Korean.

    SayItError
    └── carries one ErrorKind
          ├── the request is wrong:   FILE_REQUIRED, FILE_TOO_LARGE, INVALID_FORMAT, UNSUPPORTED_CODEC, DAMAGED_FILE,
          │                           NO_AUDIO_TRACK, UNSUPPORTED_AUDIO, AUDIO_TOO_LONG, INVALID_LANGUAGE,
          │                           INVALID_OPTION, INVALID_ARGUMENT, INVALID_VOCABULARY
          ├── the thing is not there: JOB_NOT_FOUND, UPLOAD_NOT_FOUND, MODEL_NOT_AVAILABLE, VOCABULARY_NOT_FOUND,
          │                           KEY_NOT_FOUND, LINK_NOT_FOUND
          ├── not now, not like this: JOB_NOT_FINISHED, JOB_FAILED, JOB_CANCELLED, UPLOAD_OFFSET_MISMATCH,
          │                           UPLOAD_INCOMPLETE, UPLOAD_TOO_SLOW, IDEMPOTENCY_CONFLICT, TOO_MANY_VOCABULARIES,
          │                           VERSION_CONFLICT, TOO_MANY_VERSIONS, TOO_MANY_KEYS, LEGAL_HOLD,
          │                           TOO_MANY_LINKS
          ├── credentials:            UNAUTHENTICATED, PERMISSION_DENIED, INVALID_SIGNATURE
          ├── try later:              RATE_LIMITED, OVERLOADED, UNAVAILABLE, DEADLINE_EXCEEDED
          └── our fault:              DECODING_FAILED, ENGINE_FAILED, CHUNK_QUARANTINED, INTERNAL

Transports map kinds to their own codes (`sayit.chassis.errors` for gRPC); nothing here knows a transport.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import Enum

#: The domain of our codes in `google.rpc.ErrorInfo`; under `.internal`, where no one can register a name.
ERROR_DOMAIN = "sayit.internal"


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One error's text for people, a `str.format` template over the error's details."""

    #: English.
    en: str
    #: Korean.
    ko: str


class ErrorKind(Enum):
    """The stable code (the member's name) and its sentence; codes are never renamed or reused."""

    #: The request carries no audio at all.
    FILE_REQUIRED = Sentence(en="No audio was sent.", ko="오디오 파일이 필요합니다.")
    #: More bytes than the size limit; noticed while they arrive.
    FILE_TOO_LARGE = Sentence(en="The file is larger than {limit_mb} MB.", ko="파일이 {limit_mb} MB보다 큽니다.")
    #: Not one of the containers that we read.
    INVALID_FORMAT = Sentence(
        en="This is no audio or video file that SayIt can read: wav, mp3, m4a, mp4, mov, 3gp, aac, flac, ogg, opus, "
        "webm, mkv, avi, mpeg, ts, flv, wma, wmv, amr, aiff, au, caf, w64.",
        ko="SayIt이 읽을 수 있는 오디오나 동영상 파일이 아닙니다: wav, mp3, m4a, mp4, mov, 3gp, aac, flac, ogg, opus, "
        "webm, mkv, avi, mpeg, ts, flv, wma, wmv, amr, aiff, au, caf, w64.",
    )
    #: A container that we read, with audio in a codec that we do not decode.
    UNSUPPORTED_CODEC = Sentence(
        en="The file's audio is in a codec that SayIt does not decode: {audio}.",
        ko="파일의 오디오 코덱을 지원하지 않습니다: {audio}.",
    )
    #: A container that we read, and nothing in it can be decoded.
    DAMAGED_FILE = Sentence(
        en="The file is damaged or empty: no audio in it can be decoded.",
        ko="파일이 손상되었거나 비어 있어 오디오를 읽을 수 없습니다.",
    )
    #: A readable container without an audio stream, such as a silent video.
    NO_AUDIO_TRACK = Sentence(en="The file has no audio track.", ko="파일에 오디오 트랙이 없습니다.")
    #: Readable, but with a sample rate or channel count outside the limits.
    UNSUPPORTED_AUDIO = Sentence(
        en="The audio's sample rate or channel count is not supported (8-192 kHz, at most 8 channels).",
        ko="샘플레이트 또는 채널 수를 지원하지 않습니다 (8-192 kHz, 최대 8채널).",
    )
    #: More decoded audio than the length limit.
    AUDIO_TOO_LONG = Sentence(
        en="The audio is longer than {limit_minutes} minutes.", ko="오디오가 {limit_minutes}분보다 깁니다."
    )
    #: A language code that is not one of the supported ones.
    INVALID_LANGUAGE = Sentence(
        en="The language '{language}' is not supported.", ko="'{language}' 언어는 지원하지 않습니다."
    )
    #: An option outside its range or in an impossible combination.
    INVALID_OPTION = Sentence(
        en="The option {field} is not valid: {reason}", ko="{field} 옵션이 올바르지 않습니다: {reason}"
    )
    #: A vocabulary that cannot be stored: its name, its words or its text are not what they may be.
    INVALID_VOCABULARY = Sentence(
        en="The vocabulary's {field} cannot be stored: {reason}",
        ko="단어장의 {field}을(를) 저장할 수 없습니다: {reason}",
    )
    #: A request that breaks the contract (missing field, messages in the wrong order).
    INVALID_ARGUMENT = Sentence(en="The request is not valid: {reason}", ko="요청이 올바르지 않습니다: {reason}")
    #: No such job for this caller; the same for another tenant's job.
    JOB_NOT_FOUND = Sentence(en="There is no job {job_id}.", ko="작업 {job_id}을(를) 찾을 수 없습니다.")
    #: No such upload for this caller; the same for another tenant's upload.
    UPLOAD_NOT_FOUND = Sentence(en="There is no upload {upload_id}.", ko="업로드 {upload_id}을(를) 찾을 수 없습니다.")
    #: No transcriber of this installation serves the model asked for.
    MODEL_NOT_AVAILABLE = Sentence(
        en="The model '{model}' is not available here; available: {available}.",
        ko="'{model}' 모델을 사용할 수 없습니다. 사용 가능한 모델: {available}.",
    )
    #: No vocabulary of this name for this caller; the same for another tenant's.
    VOCABULARY_NOT_FOUND = Sentence(en="There is no vocabulary '{name}'.", ko="'{name}' 단어장을 찾을 수 없습니다.")
    #: No API key with this id for this caller; the same for another tenant's.
    KEY_NOT_FOUND = Sentence(en="There is no API key {key_id}.", ko="API 키 {key_id}을(를) 찾을 수 없습니다.")
    #: No link with this id to this job for this caller; the same for one that has ended.
    LINK_NOT_FOUND = Sentence(en="There is no link {link_id}.", ko="링크 {link_id}을(를) 찾을 수 없습니다.")
    #: The transcript was asked for before the job ended.
    JOB_NOT_FINISHED = Sentence(
        en="The job {job_id} has not finished yet.", ko="작업 {job_id}이(가) 아직 끝나지 않았습니다."
    )
    #: The transcript of a failed job was asked for.
    JOB_FAILED = Sentence(en="The job {job_id} failed ({reason}).", ko="작업 {job_id}이(가) 실패했습니다 ({reason}).")
    #: The transcript of a cancelled job was asked for, or the job was cancelled while the caller waited.
    JOB_CANCELLED = Sentence(en="The job {job_id} was cancelled.", ko="작업 {job_id}이(가) 취소되었습니다.")
    #: Bytes sent for an offset that is not the upload's end.
    UPLOAD_OFFSET_MISMATCH = Sentence(
        en="The upload continues at byte {expected}, not {offset}.",
        ko="업로드는 {offset}바이트가 아니라 {expected}바이트부터 이어집니다.",
    )
    #: A job on an upload whose declared size has not arrived yet.
    UPLOAD_INCOMPLETE = Sentence(
        en="The upload has {received} of {size} bytes.", ko="업로드가 {size}바이트 중 {received}바이트만 도착했습니다."
    )
    #: The sender of a file paused for too long, or sent too little in too much time.
    UPLOAD_TOO_SLOW = Sentence(
        en="The file arrived too slowly; send it again, or as a resumable upload.",
        ko="파일 전송이 너무 느립니다. 다시 보내거나 이어서 올리는 업로드를 사용해 주세요.",
    )
    #: The idempotency key was used for a different request.
    IDEMPOTENCY_CONFLICT = Sentence(
        en="This idempotency key belongs to a different request.", ko="이 멱등성 키는 다른 요청에 사용되었습니다."
    )
    #: One more vocabulary than a tenant may have; one has to be deleted first.
    TOO_MANY_VOCABULARIES = Sentence(
        en="There are {limit} vocabularies already; delete one first.",
        ko="단어장이 이미 {limit}개 있습니다. 먼저 하나를 삭제해 주세요.",
    )
    #: One more API key than a tenant may have; one has to be revoked first.
    TOO_MANY_KEYS = Sentence(
        en="There are {limit} API keys already; revoke one first.",
        ko="API 키가 이미 {limit}개 있습니다. 먼저 하나를 폐기해 주세요.",
    )
    #: One more link than a job may have; one has to be revoked first.
    TOO_MANY_LINKS = Sentence(
        en="There are {limit} links to this recording already; revoke one first.",
        ko="이 녹음의 링크가 이미 {limit}개 있습니다. 먼저 하나를 폐기해 주세요.",
    )
    #: A correction of a text that was corrected after the version which its caller knew.
    VERSION_CONFLICT = Sentence(
        en="The same text was corrected meanwhile: the transcript is at version {version}, not {expected}.",
        ko="그 사이에 같은 부분이 수정되었습니다. 받아쓴 글은 버전 {expected}이(가) 아니라 {version}입니다.",
    )
    #: One more version than a transcript may have.
    TOO_MANY_VERSIONS = Sentence(
        en="The transcript has {limit} versions and takes no more corrections.",
        ko="받아쓴 글의 버전이 이미 {limit}개여서 더 수정할 수 없습니다.",
    )
    #: An operator holds it, see `AdminService`; nothing deletes it until then.
    LEGAL_HOLD = Sentence(
        en="It is under a legal hold and cannot be deleted.", ko="법적 보존 대상이므로 삭제할 수 없습니다."
    )
    #: No credentials, or unknown ones.
    UNAUTHENTICATED = Sentence(en="A valid API key is required.", ko="유효한 API 키가 필요합니다.")
    #: Known caller, forbidden action.
    PERMISSION_DENIED = Sentence(en="This key may not do that.", ko="이 키로는 허용되지 않는 작업입니다.")
    #: A signed request whose signature is not taken, or a key that signs and was sent itself.
    INVALID_SIGNATURE = Sentence(
        en="The request's signature is not taken: {reason}.", ko="요청의 서명이 올바르지 않습니다: {reason}."
    )
    #: This caller sent too much in too little time.
    RATE_LIMITED = Sentence(
        en="Too many requests; try again later.", ko="요청이 너무 많습니다. 잠시 후 다시 시도해 주세요."
    )
    #: The service is full; accepted work goes on.
    OVERLOADED = Sentence(
        en="The service is at capacity; try again later.", ko="서비스가 혼잡합니다. 잠시 후 다시 시도해 주세요."
    )
    #: A part that is needed does not answer.
    UNAVAILABLE = Sentence(
        en="The service is temporarily unavailable; try again later.",
        ko="서비스를 일시적으로 사용할 수 없습니다. 잠시 후 다시 시도해 주세요.",
    )
    #: The caller's deadline passed first.
    DEADLINE_EXCEEDED = Sentence(en="The deadline passed before the answer.", ko="제한 시간 안에 응답하지 못했습니다.")
    #: The decoder exceeded its limits of time or memory on this file.
    DECODING_FAILED = Sentence(
        en="The file could not be decoded within the limits of time and memory.",
        ko="시간 및 메모리 한도 안에서 파일을 디코딩할 수 없습니다.",
    )
    #: The model reported an error on a chunk, repeatedly.
    ENGINE_FAILED = Sentence(en="The audio could not be transcribed.", ko="오디오를 변환하지 못했습니다.")
    #: A chunk crashed its transcriber repeatedly and is not tried again.
    CHUNK_QUARANTINED = Sentence(
        en="A part of the audio repeatedly crashed the transcriber.",
        ko="오디오 일부가 변환기를 반복해서 중단시켰습니다.",
    )
    #: A defect of ours; the details are in the log under the request's id.
    INTERNAL = Sentence(en="An internal error occurred.", ko="내부 오류가 발생했습니다.")

    @property
    def code(self) -> str:
        """The stable code that clients may branch on."""
        return self.name

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without change."""
        return self in _RETRYABLE

    @classmethod
    def of_code(cls, code: str) -> ErrorKind:
        """The kind with this code; INTERNAL for a code this version does not know."""
        return cls.__members__.get(code, cls.INTERNAL)


_RETRYABLE = frozenset(
    {ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED, ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED}
)


class SayItError(Exception):
    """One error of SayIt: a kind, the details its sentence needs, and what the caller can do.

    Args:
        kind: what happened.
        field: the request field at fault, for errors about the request.
        retry_after_s: when a retry makes sense, in seconds.
        cause: text for the log; it never reaches a client.
        sentences: the finished sentences of a peer that knew the details; they replace the kind's own.
        details: values of the sentence's template.
    """

    def __init__(
        self,
        kind: ErrorKind,
        *,
        field: str = "",
        retry_after_s: float | None = None,
        cause: str = "",
        sentences: Sentence | None = None,
        **details: object,
    ) -> None:
        self.kind = kind
        self.field = field
        self.retry_after_s = retry_after_s
        self.cause = cause
        self.sentences = sentences
        self.details: dict[str, str] = {name: str(value) for name, value in details.items()}
        if field:
            self.details.setdefault("field", field)
        super().__init__(self.message("en"))

    @property
    def code(self) -> str:
        """The stable code, the same on every transport."""
        return self.kind.code

    def message(self, language: str) -> str:
        """The sentence for people: Korean for any `ko…` tag, English otherwise."""
        korean = language.lower().startswith("ko")
        if self.sentences is not None:
            return self.sentences.ko if korean else self.sentences.en
        sentence = self.kind.value.ko if korean else self.kind.value.en
        if not self.details.get("audio"):  # of an older version
            sentence = sentence.replace(": {audio}", "")
        reason = self.details.get("reason", "")
        if reason and self.field not in reason and "{field}" not in sentence:
            reason = f"{self.field}: {reason}"
        known = {"reason": korean_reason(reason) if korean else reason} if reason else {}
        return sentence.format_map(_Known(self.details | known))


def korean_reason(reason: str) -> str:
    """A reason inside a sentence in Korean, by `data/reasons_ko.toml`; as it is where it is not known there."""
    name, colon, rest = reason.partition(": ")
    for before, one in (("", reason), (name + colon, rest)):  # perhaps after the name of a field
        for pattern, korean in _korean_reasons():
            if found := pattern.fullmatch(one):
                return before + korean.format(*map(korean_reason, found.groups()))
    return reason


@functools.cache
def _korean_reasons() -> list[tuple[re.Pattern[str], str]]:
    # Few processes tell reasons in Korean, and the one that decodes a file, which is started for each, never does.
    import tomllib  # noqa: PLC0415
    from importlib import resources  # noqa: PLC0415

    text = (resources.files(__package__) / "data" / "reasons_ko.toml").read_text(encoding="utf-8")
    # Parts are bounded, so that no reason is slow to match.
    known = tomllib.loads(text).items()
    return [(re.compile(re.escape(english).replace(r"\{\}", "(.{0,200}?)")), korean) for english, korean in known]


class _Known(dict[str, str]):
    """Template values that may be incomplete: an error from an older peer must still print."""

    def __missing__(self, key: str) -> str:
        return "?"
