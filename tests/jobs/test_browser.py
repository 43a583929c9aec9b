from __future__ import annotations

import sys
import webbrowser

import pytest

from jobs.browser import open_browser


@pytest.fixture
def opened(monkeypatch):
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda url: addresses.append(url) or True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    return addresses


@pytest.mark.parametrize(
    ("platform", "screen"), [("linux", "DISPLAY"), ("linux", "WAYLAND_DISPLAY"), ("darwin", "X")]
)
def test_it_is_opened_where_there_is_a_screen(opened, monkeypatch, platform, screen):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(screen, ":0")
    assert open_browser("http://127.0.0.1:1/")
    assert opened == ["http://127.0.0.1:1/"]


def test_without_a_screen_none_takes_the_terminal(opened, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert not open_browser("http://127.0.0.1:1/")
    assert opened == []
