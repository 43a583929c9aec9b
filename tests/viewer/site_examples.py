"""An output to look at without pixels, a page that stands in for the built one, and what asks a server."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.viewer import LoopbackServer, open_site
from tests.io.catalogue_examples import publish_all, put_mosaic, record_of, store_of

SHARD = f"{store_of('a.tif')}/0/saliency/c/0/0"


def page_in(folder: Path) -> Path:
    """Write a page of three files."""
    page = folder / "page"
    page.mkdir(parents=True, exist_ok=True)
    (page / "index.html").write_text("<!doctype html><head></head><script src=viewer.js></script>")
    (page / "viewer.js").write_text("fetch('config.json')")
    (page / "viewer.css").write_text("body { margin: 0 }")
    return page


def add_scene(output: str, scene_id: str, source: str, number: int = 1) -> None:
    """Make a mosaic of a scene, and publish it beside what there is."""
    store = open_store(output)
    put_mosaic(store, store_of(scene_id, number), source=source)
    ObjectLedger(store).finish(record_of(scene_id, number))
    publish_all(store)


def write_scene(folder: Path, name: str, data: bytes = b"II*\0 pixels") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return str(folder / name)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Asker:
    """Asks a server as a browser does: with the token, and the right name of the host, unless told."""

    server: LoopbackServer
    base: str = field(default="")

    def get(self, path: str, method: str = "GET", base: str | None = None, **headers: str) -> Reply:
        """Ask once; headers are named with ``_`` for ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=30)
        try:
            start = f"/{self.server.token}/" if base is None else base
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"{start}{path}", headers=named)
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.headers), reply.read())
        finally:
            connection.close()

    def say(self, data: bytes) -> bytes:
        """Send bytes as they are, and return all that comes until the server ends the conversation."""
        with socket.create_connection(("127.0.0.1", self.server.server_port), timeout=30) as talk:
            talk.sendall(data)
            talk.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: talk.recv(65536), b""))


@contextmanager
def served(output: str, page: Path, **options: Any) -> Iterator[Asker]:
    """Serve an output until the context ends."""
    with LoopbackServer(open_site(output, page=page, **options)) as server:
        yield Asker(server)
