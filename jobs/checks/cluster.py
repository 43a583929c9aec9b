"""Cluster: whether Ray is here, and answers where a run will look for it."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from jobs.checks.check import Check, failed, note, ok

_DASHBOARD_PORT, _HEAD_PORT = 8265, 6379
_PATIENCE_S = 5.0
_HEAD = "start the head (ray start --head, systemctl status sgddiff-ray-head), or correct RAY_ADDRESS"


def needs_ray(kind: str, environment: Mapping[str, str]) -> bool:
    """Whether a run here will use Ray."""
    return kind == "ray" or bool(environment.get("RAY_ADDRESS"))


def works_here(kind: str, environment: Mapping[str, str]) -> bool:
    """Whether a run works on this machine alone: without Ray, or on a cluster that it starts here."""
    return kind == "local" or environment.get("RAY_ADDRESS", "local") == "local"


def check_ray(environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield whether Ray is installed, whether the head answers, and the dashboard, and of which version."""
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        yield failed("ray", "it is not installed", "pip install -e '.[cluster]'")
        return
    address = environment.get("RAY_ADDRESS", "local")
    if address == "local":
        yield ok("ray", f"{version}; no RAY_ADDRESS: a run starts a cluster on this machine alone")
        return
    if address == "auto":
        yield note("ray", f"{version}; RAY_ADDRESS is auto: Ray itself looks for a head here", "ray status")
        return
    host, port, is_dashboard = parse_address(address)
    if not is_dashboard:
        yield _check_head(host, port, version)
    dashboard = address.rstrip("/") if is_dashboard else f"http://{_bracketed(host)}:{_DASHBOARD_PORT}"
    yield check_dashboard(dashboard, version, read_token(environment), is_must=is_dashboard)


def parse_address(address: str) -> tuple[str, int, bool]:
    """Return host and port of an address, and whether it is a dashboard's (http://)."""
    is_dashboard = address.startswith(("http://", "https://"))
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    port = parts.port or (_DASHBOARD_PORT if is_dashboard else _HEAD_PORT)
    return parts.hostname or "", port, is_dashboard


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_head(host: str, port: int, version: str) -> Check:
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE_S):
            return ok("ray", f"{version}; something answers at {host}:{port}")
    except OSError as error:
        return failed("ray", f"nothing answers at {host}:{port}, which is RAY_ADDRESS: {error}", _HEAD)


def read_token(environment: Mapping[str, str]) -> str | None:
    """Return the token that the cluster wants, as Ray's own clients find it."""
    if environment.get("RAY_AUTH_TOKEN"):
        return environment["RAY_AUTH_TOKEN"]
    path = environment.get("RAY_AUTH_TOKEN_PATH")
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else None
    except OSError:
        return None


def check_dashboard(url: str, version: str, token: str | None, *, is_must: bool) -> Check:
    """Ask a dashboard for its Ray's version; jobs are submitted to it."""
    bad = failed if is_must else note
    request = urllib.request.Request(f"{url}/api/version")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as reply:
            found = str(json.loads(reply.read(65536))["ray_version"])
    except urllib.error.HTTPError as error:
        error.close()
        mend = (
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH" if error.code == 401 else _HEAD
        )
        return bad("dashboard", f"{url} says HTTP {error.code}", mend)
    except (OSError, ValueError, LookupError, TypeError) as error:
        return bad("dashboard", f"{url} does not answer as one: {error}", f"{_HEAD}; or a port-forward")
    if found != version:
        mend = "one version of Ray on the cluster and here: the image and constraints-py311.txt"
        return failed("dashboard", f"{url} is of Ray {found}, here is {version}", mend)
    return ok("dashboard", f"{url} answers, Ray {found}")
