"""An OpenTelemetry collector that takes OTLP over HTTP, and keeps all spans."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1 import trace_pb2

from .process import eventually


def plain(attributes):
    """Attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class Span(NamedTuple):
    """A span, and who sent it."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    began: int  # nanoseconds
    ended: int
    attributes: dict
    status: str
    service: dict


def spans_of(request):
    for of_service in request.resource_spans:
        service = plain(of_service.resource.attributes)
        for of_scope in of_service.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                    attributes=plain(span.attributes),
                    status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
                    service=service,
                )


class Collector:
    """Listens on a port of the system's choice, or on the one that it is given."""

    def __init__(self, port=0):
        self.spans = []
        self.headers = []
        self.fails = False  # whether it answers 400, which is not worth another try
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                is_one = (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
                collector.headers.append(dict(self.headers))
                if is_one and not collector.fails:
                    collector.spans += spans_of(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200 if is_one and not collector.fails else 400)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, trace, count):
        """Waits for so many spans of a trace; returns them in the order in which they began."""
        def look():
            found = [span for span in list(self.spans) if span.trace == trace]
            return found if len(found) >= count else None

        found = eventually(look, f"{count} spans of {trace}")
        assert len(found) == count, found
        # Of what began at the same time, the longest first, and the whole before its parts.
        return sorted(found, key=lambda span: (span.began, -span.ended, span.kind != "SERVER"))
