"""How S3 is asked: endpoint and profile from the environment, and with which credentials, if with any.

Three clients ask it: GDAL for scenes, obstore for single objects, and s3fs for listings and all else. All are
told the same, for one bucket at a time: what a public bucket needs must not reach the bucket of the output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fsspec
from fsspec.asyn import sync

from sgddiff_batch.core.query import Access
from sgddiff_batch.core.words import redact_uri

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Credential

_RETRIES = {"mode": "standard", "total_max_attempts": 3}
"""With jitter, and a quota a client. By default botocore and s3fs make up to 25 requests of one call."""
_BODY_ATTEMPTS = 2
_PLAIN_BUCKET = re.compile(r"(?!.*--[a-z0-9]+-s3$)[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
"""No ARN, and no directory bucket or the like, whose requests are signed in another way."""
_LEFT_OF_A_CREDENTIAL_S = 360.0
"""How long one counts as good that botocore keeps fresh; obstore asks for another 300 s before the end."""


def endpoint_of(environment: Mapping[str, str]) -> str | None:
    """Return the URL of the store that is meant by s3://, None for AWS."""
    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return url or _endpoint_of_profile(environment)


def _endpoint_of_profile(environment: Mapping[str, str]) -> str | None:
    """Return the endpoint_url of the profile that is asked for by name, which GDAL would not read."""
    profile, services = _profile(environment)
    url = services.get(profile.get("services", ""), {}).get("s3", {}).get("endpoint_url")
    return url or profile.get("endpoint_url")


def _authorities_of(environment: Mapping[str, str]) -> str | None:
    """Return the file with the authorities whose certificates botocore trusts, None for those of all."""
    return environment.get("AWS_CA_BUNDLE") or _profile(environment)[0].get("ca_bundle")


def _profile(environment: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """Return the settings of the profile that is asked for by name, and the services of its file."""
    name = environment.get("AWS_PROFILE")
    if not name:
        return {}, {}
    from botocore.configloader import load_config
    from botocore.exceptions import BotoCoreError

    try:
        found = load_config(environment.get("AWS_CONFIG_FILE") or "~/.aws/config")
    except BotoCoreError:
        return {}, {}  # whoever signs with it tells
    return found["profiles"].get(name, {}), found.get("services", {})


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
    return _s3fs(options | {"use_listings_cache": False})


def _s3fs(options: dict[str, Any]) -> Any:  # noqa: ANN401
    filesystem = fsspec.filesystem("s3", **options)
    filesystem.retries = _BODY_ATTEMPTS
    return filesystem


class Credentials:
    """The credentials of a session of botocore, which refreshes them, as obstore asks for them.

    ``failure`` is what kept it from getting any: obstore would tell of it with a traceback.
    """

    def __init__(self, filesystem: Any) -> None:  # noqa: ANN401
        self.failure: Exception | None = None
        self._loop = filesystem.loop
        self._found = sync(filesystem.loop, filesystem.session.get_credentials)

    def __call__(self) -> S3Credential:
        """Return what to sign with now, and until when."""
        try:
            now = sync(self._loop, self._found.get_frozen_credentials)
        except Exception as error:
            self.failure = error
            raise
        is_kept_fresh = hasattr(self._found, "refresh_needed")
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=_LEFT_OF_A_CREDENTIAL_S)
            if is_kept_fresh
            else None,
        }


@dataclass(frozen=True, slots=True)
class Bucket:
    """obstore's client of one bucket, the URL of that, and what it signs with, None if with nothing."""

    client: Any
    url: str
    credentials: Credentials | None


def bucket_client(
    filesystem: Any,  # noqa: ANN401
    name: str,
    region: str | None = None,
) -> Bucket | None:
    """Return the client of a bucket that asks as one of s3fs does, None where obstore cannot.

    region: that of the bucket, where it is not the session's. What botocore raises passes, as where there are
    no credentials.
    """
    if not _PLAIN_BUCKET.fullmatch(name):
        return None
    if region:
        in_region = {"client_kwargs": {"region_name": region}}
        filesystem = _s3fs(dict(filesystem.storage_options) | in_region)
    url = url_of_bucket(filesystem, name)
    options = _transport(filesystem, url)
    if options is None:
        return None
    from obstore.store import S3Store

    credentials = None if filesystem.anon else Credentials(filesystem)
    # All of it is told: else obstore takes what it finds in variables that botocore does not know.
    client = S3Store(
        name,
        endpoint=url,
        aws_endpoint_url_s3=url,
        virtual_hosted_style_request=True,
        region=filesystem.s3.meta.region_name or "us-east-1",
        skip_signature=filesystem.anon,
        request_payer=bool(filesystem.storage_options.get("requester_pays")),
        unsigned_payload=False,
        s3_express=False,
        conditional_put="etag",
        disable_bulk_delete=True,
        credential_provider=credentials,
        client_options=options,
        retry_config={"max_retries": 0},
    )
    return Bucket(client, url, credentials)


def url_of_bucket(filesystem: Any, name: str) -> str:  # noqa: ANN401
    """Return the URL that botocore makes of a bucket, whatever its config says of endpoints and hosts."""
    filesystem.connect()
    asked = {"Bucket": name, "Key": "k"}
    url: str = sync(filesystem.loop, filesystem.s3.generate_presigned_url, "get_object", Params=asked)
    return url.partition("?")[0].removesuffix("/k")


def _transport(filesystem: Any, url: str) -> ClientConfig | None:  # noqa: ANN401
    """Return obstore's options for the way to a URL, None where botocore goes another than obstore."""
    from botocore import UNSIGNED
    from botocore.utils import get_environ_proxies

    config = filesystem.s3.meta.config
    has_a_login = "@" in urlsplit(url).netloc
    signs_otherwise = config.signature_version not in ("s3v4", UNSIGNED)
    if has_a_login or signs_otherwise or config.client_cert or config.proxies or get_environ_proxies(url):
        return None
    options: ClientConfig = {
        "allow_http": url.startswith("http:"),
        "connect_timeout": timedelta(seconds=config.connect_timeout),
        "read_timeout": timedelta(seconds=config.read_timeout),
        # For a whole request there is none, as in botocore: a large object may take long.
        "timeout": timedelta(days=1),
    }
    if url.startswith("https:"):
        from botocore.httpsession import get_cert_path

        trusted = Path(get_cert_path(filesystem.session.get_config_variable("ca_bundle") or True))
        if not trusted.is_file():
            return None
        options["root_certificate"] = trusted.read_bytes()
    return options


def region_of(filesystem: Any, bucket: str) -> str | None:  # noqa: ANN401
    """Return the region that a bucket says that it is in, None if it does not; one request."""
    from botocore.exceptions import ClientError

    error: BaseException | None
    try:
        reply = filesystem.call_s3("head_bucket", Bucket=bucket)
    except (OSError, ClientError) as refusal:
        error = refusal
        while error is not None and not isinstance(error, ClientError):
            error = error.__cause__
        reply = {} if error is None else error.response
    region = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None


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
    if authorities := _authorities_of(environment):
        # rasterio's wheels have another name for it than GDAL, and tell it certifi's authorities under that.
        told |= dict.fromkeys(("CURL_CA_BUNDLE", "GDAL_CURL_CA_BUNDLE"), authorities)
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
