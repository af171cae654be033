"""Logs, traces and metrics of a process.

Logs are structlog's, one canonical line per call (`interceptors`), on standard error. Traces are OpenTelemetry's; spans
exist always, so that ids can be passed on, and leave the process only where a collector is set. Metrics are
prometheus-client's default registry. No transcript text in any of the three.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any, TextIO

import prometheus_client
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sayit.chassis.settings import ServiceSettings
from sayit.chassis.start import StartError, split_address

_BUILD = prometheus_client.Gauge("sayit_build_info", "The version that runs; its value is 1.", ["service", "version"])
_TRACE_CONTEXT = TraceContextTextMapPropagator()

#: Fields that the running call adds to its canonical line; one dictionary per call, shared by the tasks it starts.
_fields: ContextVar[MutableMapping[str, object] | None] = ContextVar("sayit_call_fields", default=None)


class _Tracing:
    """The process's tracer provider: replaced by `setup`, flushed by `shutdown`."""

    def __init__(self) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.collected = False

    def replace(self, provider: TracerProvider, *, collected: bool) -> None:
        self.provider.shutdown()
        self.provider = provider
        self.collected = collected


_tracing = _Tracing()


def setup(service_name: str, settings: ServiceSettings) -> None:
    """Sets up logs and traces of this process; a second call replaces the first.

    Args:
        service_name: "gateway", "scheduler" or "transcriber".
        settings: log_level, log_format and otlp_endpoint are used.
    """
    _setup_logs(service_name, settings)
    _BUILD.labels(service_name, version("sayit")).set(1)
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"sayit-{service_name}"}), shutdown_on_exit=False
    )
    if settings.otlp_endpoint:
        # Imported here: the exporter takes a quarter of a second to import, and most installations have no collector.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        insecure = not settings.otlp_endpoint.startswith("https://")
        exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=insecure)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracing.replace(provider, collected=bool(settings.otlp_endpoint))


def shutdown() -> None:
    """Sends what spans are left; called by `process.run` at the end."""
    _tracing.provider.shutdown()


def set_log_level(name: str) -> None:
    """Sets the least severe level that is logged: "debug", "info", "warning" or "error"."""
    level = logging.getLevelNamesMapping()[name.upper()]
    # Libraries log details at INFO that operators do not need; at debug they may.
    logging.getLogger().setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    logging.getLogger("sayit").setLevel(level)


def logger() -> structlog.stdlib.BoundLogger:
    """The process's logger: `logger().info("chunk", chunk_id=…, seconds=…)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("sayit")
    return logger


def bind(**fields: object) -> None:
    """Adds fields, such as `job_id`, to the running call's canonical line and span; does nothing outside of a call."""
    line = _fields.get()
    if line is None:
        return
    line.update(fields)
    span = trace.get_current_span()
    for name, value in fields.items():
        span.set_attribute(f"sayit.{name}", value if isinstance(value, bool | int | float) else str(value))


@contextmanager
def call_fields() -> Iterator[Mapping[str, object]]:
    """Collects what `bind` adds while the block runs; for the interceptor that writes the canonical line."""
    fields: dict[str, object] = {}
    token = _fields.set(fields)
    try:
        yield fields
    finally:
        _fields.reset(token)


def tracer() -> trace.Tracer:
    """The process's tracer."""
    return _tracing.provider.get_tracer("sayit")


def traceparent() -> str:
    """The current span as a W3C traceparent; empty outside of any span."""
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier)
    return carrier.get("traceparent", "")


def counter(name: str, text: str, label: str, values: Iterable[str]) -> prometheus_client.Counter:
    """A counter by label whose values begin at 0: of what appears with its first event Prometheus sees no increase."""
    made = prometheus_client.Counter(name, text, [label])
    for value in values:
        made.labels(value)
    return made


def exemplar() -> dict[str, str] | None:
    """The current trace, to be shown beside a histogram's observation; None where no collector has it."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if _tracing.collected and context.is_valid else None


@contextmanager
def span_from(traceparent: str, name: str, *, kind: trace.SpanKind = trace.SpanKind.INTERNAL) -> Iterator[trace.Span]:
    """Starts a span that continues a W3C traceparent; an empty or unreadable one starts a new trace.

    A step within the current span is `tracer().start_as_current_span(name)`.

    Args:
        traceparent: as `traceparent()` gave it, possibly in another process.
        name: what is done, such as "RunChunk"; never text of users.
        kind: SERVER for a call that is served.
    """
    # From an empty context, not the current one: a server's calls inherit the context that the server was started in.
    context = _TRACE_CONTEXT.extract({"traceparent": traceparent}, context=Context())
    with tracer().start_as_current_span(name, context=context, kind=kind, record_exception=False) as span:
        yield span


@contextmanager
def serve_metrics(address: str) -> Iterator[str]:
    """Serves /metrics at "host:port" from a thread while the block runs; yields the real address, "" where off.

    Raises:
        StartError: the address is taken or no address.
    """
    if not address:
        yield ""
        return
    host, port = split_address(address)
    try:
        server, thread = prometheus_client.start_http_server(port, host)
    except OSError as error:
        raise StartError(f"cannot serve metrics on {address}: {(error.strerror or str(error)).lower()}") from None
    try:
        yield f"{address.rpartition(':')[0]}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is now, not to what it was at setup: tests and supervisors replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """The base class sets it; there is nothing to set."""


def _setup_logs(service_name: str, settings: ServiceSettings) -> None:
    def add_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service_name)
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event.setdefault("trace_id", trace.format_trace_id(context.trace_id))
        return event

    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_context,
    ]
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    last: list[structlog.typing.Processor] = (
        # A traceback without the values of variables: they may be what was said, a key, or megabytes of audio.
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [*(old for old in root.handlers if not isinstance(old, _Stderr)), handler]
    set_log_level(settings.log_level)
    for chatty in ("grpc", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
