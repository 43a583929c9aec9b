"""A STAC API on loopback, in a thread of the test: pages as they should be, and as they should not."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """What to send once: a dict or list is sent as JSON."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class StacServer:
    """``answers`` by path go out first, each once and the last for ever; other requests get the API's own.

    ``requests`` are method, path, query and body of each, ``received`` their headers, names in lower case.
    Paging is by GET, or by POST where ``by_post``. Who does not send ``wanted`` is answered 401.
    """

    port: int = 0
    items: Sequence[Mapping[str, Any]] = ()
    page_items: int = 2
    by_post: bool = False
    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    wanted: Mapping[str, str] = field(default_factory=dict)
    received: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, target: str, body: Any, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append((method, parts.path, query, body))
        self.received.append({name.lower(): value for name, value in headers.items()})
        if not self.wanted.items() <= self.received[-1].items():
            return Answer({"description": f"not allowed: {self.received[-1]}"}, 401)
        scripted = self.answers.get(parts.path)
        if scripted:
            return scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if parts.path == "/":
            return Answer(self._landing_page())
        if parts.path == "/search":
            return Answer(self._page(int((body or query).get("token", 0))))
        return Answer({"description": "there is no such page"}, 404)

    def _landing_page(self) -> dict[str, Any]:
        return {
            "type": "Catalog",
            "id": "api",
            "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search"],
            "links": [{"rel": "search", "href": f"{self.url}/search", "type": "application/geo+json"}],
        }

    def _page(self, start: int) -> dict[str, Any]:
        stop = start + self.page_items
        links: list[dict[str, Any]] = [{"rel": "self", "href": "/search"}]
        if stop < len(self.items):
            link = {"rel": "next", "href": f"{self.url}/search?token={stop}"}
            by_post = {
                "rel": "next",
                "href": "/search",
                "method": "POST",
                "merge": True,
                "body": {"token": stop},
            }
            links.append(by_post if self.by_post else link)
        return {
            "type": "FeatureCollection",
            "numberMatched": len(self.items),
            "features": list(self.items[start:stop]),
            "links": links,
        }


@contextmanager
def run_stac_server(items: Sequence[Mapping[str, Any]] = ()) -> Iterator[StacServer]:
    """Run a server until the context ends."""
    script = StacServer(items=items)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(script.answer("GET", self.path, None, dict(self.headers)))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length))
            self._send(script.answer("POST", self.path, body, dict(self.headers)))

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.content))} | dict(answer.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(answer.content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
