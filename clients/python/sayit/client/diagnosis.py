"""Why a gateway cannot be reached: asked at the address itself, for gRPC's texts say little, each version others."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from enum import Enum

from sayit.speech.errors import Sentence, korean_reason

#: Seconds for a connection, and for each of its answers.
_LIMIT_S = 0.8
_DEFAULT_PORT = 443
#: What gRPC sends first, then an empty SETTINGS frame, which any HTTP/2 server answers with one of its own.
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class Cause(Enum):
    """What is wrong; the sentences know `address` and `reason`."""

    UNKNOWN_HOST = Sentence(
        en="There is no host of the name in {address}: check the spelling, the network and the name server.",
        ko="{address}의 호스트 이름을 찾을 수 없습니다. 철자와 네트워크, 네임 서버를 확인해 주세요.",
    )
    REFUSED = Sentence(
        en="Nothing listens at {address}: the gateway is not running, or has another port.",
        ko="{address}에서 응답하는 프로그램이 없습니다. 게이트웨이가 꺼져 있거나 포트가 다릅니다.",
    )
    NO_ANSWER = Sentence(
        en="{address} does not answer: the machine is off, or a firewall drops the connection.",
        ko="{address}에서 응답이 없습니다. 컴퓨터가 꺼져 있거나 방화벽이 연결을 막고 있습니다.",
    )
    SILENT = Sentence(
        en="{address} takes the connection and says nothing: the gateway hangs, or another program listens there.",
        ko="{address}이(가) 연결을 받고 아무 응답도 하지 않습니다. 게이트웨이가 멈췄거나 다른 프로그램입니다.",
    )
    HANGS_UP = Sentence(
        en="{address} ends the connection at once: a proxy or tunnel whose gateway is away, or another program.",
        ko="{address}이(가) 연결을 바로 끊습니다. 게이트웨이가 꺼진 프록시나 터널, 또는 다른 프로그램입니다.",
    )
    NO_TLS = Sentence(
        en="{address} speaks plain text, not TLS: connect without certificates, without tls=True or --tls.",
        ko="{address}은(는) TLS가 아닌 평문으로 통신합니다. 인증서와 tls=True(--tls) 없이 연결해 주세요.",
    )
    NEEDS_TLS = Sentence(
        en="{address} speaks TLS: connect with tls=True or --tls, or with its root certificates.",
        ko="{address}은(는) TLS로 통신합니다. tls=True(--tls) 또는 루트 인증서로 연결해 주세요.",
    )
    UNTRUSTED = Sentence(
        en="The certificate of {address} is not trusted ({reason}): give the root certificates that signed it.",
        ko="{address}의 인증서를 신뢰할 수 없습니다({reason}). 서명한 루트 인증서를 지정해 주세요.",
    )
    OTHER_CERTIFICATE = Sentence(
        en="The certificate of {address} does not fit ({reason}): use a name that it has, or have it renewed.",
        ko="{address}의 인증서가 맞지 않습니다({reason}). 인증서에 있는 이름을 쓰거나 인증서를 갱신해 주세요.",
    )
    NO_ROOTS = Sentence(
        en="The root certificates for {address} cannot be read: they are no certificates in PEM form.",
        ko="{address}에 쓸 루트 인증서를 읽을 수 없습니다. PEM 형식의 인증서가 아닙니다.",
    )
    TLS_REFUSED = Sentence(
        en="{address} refuses the TLS connection ({reason}).",
        ko="{address}이(가) TLS 연결을 거부합니다({reason}).",
    )
    OTHER_PROTOCOL = Sentence(
        en="What listens at {address} does not speak gRPC: another program has this port (the gateway's is 50051).",
        ko="{address}의 프로그램은 gRPC로 통신하지 않습니다. 포트를 확인해 주세요(게이트웨이는 50051).",
    )
    NOT_GRPC = Sentence(
        en="{address} speaks HTTP/1, not gRPC: that is a page or a REST API; the gateway has another port (50051).",
        ko="{address}은(는) gRPC가 아닌 HTTP/1로 통신합니다. 웹 페이지나 REST API이며, 게이트웨이 포트는 50051입니다.",
    )

    WANTS_CERTIFICATE = Sentence(
        en="{address} serves clients with a certificate only: give client_certificate or --client-certificate.",
        ko="{address}은(는) 클라이언트 인증서를 요구합니다. client_certificate(--client-certificate)를 지정해 주세요.",
    )

    @property
    def lasting(self) -> bool:
        """Whether trying again is of no use; a gateway that starts refuses, and a proxy in front of it hangs up."""
        return self not in {Cause.REFUSED, Cause.HANGS_UP}


#: What `_asked` finds where a server speaks TLS.
_TLS_ANSWERS = (None, Cause.WANTS_CERTIFICATE)
#: Of a gRPC server, or of a proxy, that does not know the method.
NOT_SAYIT = Sentence(
    en="A server answers at this address that does not know the call: it is no SayIt gateway, or an older one.",
    ko="이 주소의 서버가 요청을 알지 못합니다. SayIt 게이트웨이가 아니거나 더 오래된 버전입니다.",
)


def unexplained(address: str) -> Sentence:
    """What is said where the address itself is in order."""
    return Sentence(
        en=f"The gateway at {address} does not answer; try again later.",
        ko=f"{address}의 게이트웨이가 응답하지 않습니다. 잠시 후 다시 시도해 주세요.",
    )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with an address."""

    cause: Cause
    address: str
    reason: str = ""

    @property
    def sentences(self) -> Sentence:
        """For people."""
        en, ko = self.cause.value.en, self.cause.value.ko
        return Sentence(
            en=en.format(address=self.address, reason=self.reason),
            ko=ko.format(address=self.address, reason=korean_reason(self.reason)),
        )


def diagnose(
    address: str, *, secure: bool, roots: bytes | None = None, server_name: str = "", shows: bool = False
) -> Diagnosis | None:
    """What keeps a client from the gateway at a gRPC target; None if nothing does, or the target is no "host:port".

    Blocks for up to two seconds, rarely more. `shows`: the client shows a certificate, which is not shown here.
    """
    host, port = _host_and_port(address)
    if not host:
        return None
    name, reason = server_name or host, ""
    try:
        context = _trusting(roots) if secure else None
        cause, reason = _asked(host, port, context, name)
        if shows and cause is Cause.WANTS_CERTIFICATE:
            return None
        if cause is Cause.HANGS_UP and _asked(host, port, None if secure else _trusting_all(), name)[0] in _TLS_ANSWERS:
            cause = Cause.NO_TLS if secure else Cause.NEEDS_TLS
    except ssl.SSLError:
        cause = Cause.NO_ROOTS
    except socket.gaierror:
        cause = Cause.UNKNOWN_HOST
    except ConnectionRefusedError:
        cause = Cause.REFUSED
    except OSError:  # a time limit among them
        cause = Cause.NO_ANSWER
    return Diagnosis(cause=cause, address=address, reason=reason) if cause else None


def _asked(host: str, port: int, context: ssl.SSLContext | None, name: str) -> tuple[Cause | None, str]:
    """What is wrong with a server by its first answer, and its reason; OSError where there is no connection."""
    with socket.create_connection((host, port), _LIMIT_S) as plain:
        try:
            if context:
                with context.wrap_socket(plain, server_hostname=name) as encrypted:
                    encrypted.sendall(_HTTP2)
                    # gRPC's server hangs up after the handshake where a client has shown none.
                    return (None if encrypted.recv(1) else Cause.WANTS_CERTIFICATE), ""
            plain.sendall(_HTTP2)
            return _of_answer(plain.recv(16)), ""
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message.lower().rstrip(".")
            fits = not any(word in reason for word in ("mismatch", "expired", "not yet valid"))
            return (Cause.UNTRUSTED if fits else Cause.OTHER_CERTIFICATE), reason
        except TimeoutError:
            return Cause.SILENT, ""
        except (ConnectionError, ssl.SSLEOFError):
            return Cause.HANGS_UP, ""
        except ssl.SSLError as error:
            reason = (error.reason or "").lower().replace("_", " ")
            return (Cause.TLS_REFUSED, reason) if "alert" in reason else (Cause.NO_TLS, "")


def _of_answer(answer: bytes) -> Cause | None:
    """What a server is that answers the beginning of HTTP/2 so."""
    if not answer:
        return Cause.HANGS_UP
    if answer[:1] == b"\x15":  # an alert of TLS
        return Cause.NEEDS_TLS
    if answer[:1] in {b"H", b"<"}:  # a status line, or a page
        return Cause.NOT_GRPC
    return None if answer[3:4] in {b"", b"\x04", b"\x07"} else Cause.OTHER_PROTOCOL  # SETTINGS, GOAWAY


def _host_and_port(address: str) -> tuple[str, int]:
    bare = address.removeprefix("dns:").removeprefix("ipv4:").removeprefix("ipv6:").rpartition("/")[2]
    if address.startswith(("unix", "xds")) or "," in bare:
        return "", 0
    host, colon, port = bare.rpartition(":")
    if not colon or (host.count(":") and not host.endswith("]")):
        host, port = bare, str(_DEFAULT_PORT)
    return (host.strip("[]"), int(port)) if port.isdigit() else ("", 0)


def _trusting(roots: bytes | None) -> ssl.SSLContext:
    # What is no ASCII is no PEM, either, and ssl would raise a TypeError for it.
    text = roots.decode("ascii", errors="replace").replace("\N{REPLACEMENT CHARACTER}", "?") if roots else None
    context = ssl.create_default_context(cadata=text)
    context.set_alpn_protocols(["h2"])
    return context


def _trusting_all() -> ssl.SSLContext:
    """For a look at whether a server speaks TLS; it is told nothing of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
