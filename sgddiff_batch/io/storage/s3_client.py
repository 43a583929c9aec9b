"""How S3 is asked: endpoint and profile from the environment, and with which credentials, if with any.

Two clients ask it, fsspec's for objects and listings and GDAL for scenes. Both are told the same, for one
bucket at a time: what a public bucket needs must not reach the bucket of the output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import fsspec

from sgddiff_batch.core.query import Access
from sgddiff_batch.core.words import redact_uri

_RETRIES = {"mode": "standard", "total_max_attempts": 3}
"""With jitter, and a quota a client. By default botocore and s3fs make up to 25 requests of one call."""
_BODY_ATTEMPTS = 2


def endpoint_of(environment: Mapping[str, str]) -> str | None:
    """Return the URL of the store that is meant by s3://, None for AWS."""
    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return url or _endpoint_of_profile(environment)


def _endpoint_of_profile(environment: Mapping[str, str]) -> str | None:
    """Return the endpoint_url of the profile that is asked for by name, which GDAL would not read."""
    name = environment.get("AWS_PROFILE")
    if not name:
        return None
    from botocore.configloader import load_config
    from botocore.exceptions import BotoCoreError

    try:
        found = load_config(environment.get("AWS_CONFIG_FILE") or "~/.aws/config")
    except BotoCoreError:
        return None  # whoever signs with it tells
    profile = found["profiles"].get(name, {})
    services = found.get("services", {}).get(profile.get("services"), {})
    url = services.get("s3", {}).get("endpoint_url") or profile.get("endpoint_url")
    return str(url) if url else None


def credentials_words(environment: Mapping[str, str]) -> str:
    """Return by which credentials S3 is asked, by their names and never by their values, and where."""
    where = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    place = f"; endpoint {redact_uri(where)}" if where else ""
    if environment.get("AWS_PROFILE"):
        return f"those of the profile {environment['AWS_PROFILE']}{place}"
    if environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY"):
        short = ", which end with their session" if environment.get("AWS_SESSION_TOKEN") else ""
        return f"AWS_ACCESS_KEY_ID of the environment{short}{place}"
    return f"none in the environment: those of this machine or its role{place}"


def s3_client(access: Access, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - fsspec has no types
    """Return the client for buckets of an access."""
    # fsspec keeps one client for all that is asked for alike: what the environment says has to be among that.
    options: dict[str, Any] = {
        "endpoint_url": endpoint_of(environment),
        "config_kwargs": {"retries": _RETRIES},
    }
    if access == "anonymous":
        options["anon"] = True
    elif environment.get("AWS_PROFILE"):
        options["profile"] = environment["AWS_PROFILE"]
    if access == "requester-pays":
        options["requester_pays"] = True
    filesystem = fsspec.filesystem("s3", use_listings_cache=False, **options)
    filesystem.retries = _BODY_ATTEMPTS
    return filesystem


def gdal_access_options(access: Access, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what GDAL is told for a scene in a bucket of an access.

    All of it, also where nothing is asked for: GDAL shows threads that set nothing what another one set.
    """
    told = {
        "AWS_NO_SIGN_REQUEST": environment.get("AWS_NO_SIGN_REQUEST", "NO"),
        "AWS_REQUEST_PAYER": environment.get("AWS_REQUEST_PAYER", ""),
    }
    if access == "anonymous":
        told["AWS_NO_SIGN_REQUEST"] = "YES"
    elif access == "requester-pays":
        told = {"AWS_NO_SIGN_REQUEST": "NO", "AWS_REQUEST_PAYER": "requester"}
    url = endpoint_of(environment)
    return told if url is None else told | _endpoint_options(url, environment)


def _endpoint_options(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    return {
        "AWS_S3_ENDPOINT": parts.netloc.rpartition("@")[2] + parts.path.rstrip("/"),
        "AWS_HTTPS": "NO" if parts.scheme == "http" else "YES",
        "AWS_VIRTUAL_HOSTING": environment.get("AWS_VIRTUAL_HOSTING", "FALSE"),
    }


def code_of(error: BaseException) -> str:
    """Return the S3 code that an error tells of, "" where there is none."""
    from botocore.exceptions import ClientError

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ClientError):
            return str(seen.response["Error"].get("Code", ""))
        seen = seen.__cause__
    return ""
