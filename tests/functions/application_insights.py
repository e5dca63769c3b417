"""The ingestion of Application Insights on loopback: keeps what a worker exports to it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Ingestion:
    """What has arrived."""

    url: str
    items: list[dict[str, Any]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the app settings under which a worker exports to here, and to nowhere else."""
        key = "00000000-0000-0000-0000-000000000000"
        return {
            "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={key};IngestionEndpoint={self.url};LiveEndpoint={self.url}"
            ),
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi,httpx,httpx2,requests,urllib,urllib3",
            "OTEL_TRACES_SAMPLER": "parentbased_always_on",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of the items of a kind: MessageData, RemoteDependencyData …"""
        return [item["data"]["baseData"] for item in self.items if item["data"]["baseType"] == kind]


@contextmanager
def ingesting() -> Iterator[Ingestion]:
    """Run the ingestion."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body or b"[]") if self.path.endswith("/track") else []
            ingestion.items.extend(items)
            counts = {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}
            answer = json.dumps(counts).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ingestion = Ingestion(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield ingestion
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
