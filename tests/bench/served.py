"""A bucket that a process of its own serves, so that its work is not in what is measured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    """Says what S3 would, and nothing to the console; subclasses have ``do_GET`` and so on."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, content: bytes, more: Mapping[str, str] | None = None) -> None:
        """Send an answer; without its content if only the headers were asked for."""
        self.send_response(status)
        told = {
            "Content-Type": "application/xml",
            "ETag": '"x"',
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            **(more or {}),
            "Content-Length": str(len(content)),
        }
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve_with(handler: type[Answers]) -> None:
    """Serve until the process is ended; print the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def served(command: Sequence[str]) -> Iterator[int]:
    """Run a command that serves a bucket; this process and its children ask there. Yield the port."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        yield port
    finally:
        server.terminate()
        server.wait()
