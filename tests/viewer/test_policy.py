from __future__ import annotations

import pytest

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.viewer.policy import Basemap, content_policy, security_headers


def test_scripts_and_styles_are_the_pages_own_and_nothing_else_is_loaded():
    rules = dict(rule.split(" ", 1) for rule in content_policy().split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' blob: data:"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"


def test_hosts_are_added_to_pictures_and_reads_alone():
    rules = dict(
        rule.split(" ", 1) for rule in content_policy(["https://b", "https://a"], framed=True).split("; ")
    )
    assert rules["connect-src"] == "'self' https://a https://b"
    assert rules["img-src"].endswith(" https://a https://b")
    assert rules["script-src"] == "'self'"
    assert "frame-ancestors" not in rules


def test_headers_forbid_sniffing_framing_and_telling_the_address():
    headers = security_headers()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_basemap_has_an_origin():
    assert Basemap("https://t.example:8443/{z}/{x}/{y}.png?key=1", "me").origin == "https://t.example:8443"


@pytest.mark.parametrize(
    "url",
    [
        "tiles/{z}/{x}/{y}.png",
        "https://host/{z}/{x}.png",
        "ftp://host/{z}/{x}/{y}",
        "https://host; script-src *;/{z}/{x}/{y}",
        "https://user:pass@host/{z}/{x}/{y}",
        "https://*/{z}/{x}/{y}",
        "https://{s}.host/{z}/{x}/{y}",
        "https://host/{z}/{x}/{y} 'unsafe-eval'",
        "https://host/{z}/{x}/{y};",
        "javascript:alert(1)//{z}{x}{y}",
    ],
)
def test_what_is_no_address_of_tiles_is_refused(url):
    with pytest.raises(ConfigError, match="--basemap"):
        Basemap(url, "")
