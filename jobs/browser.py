"""The browser of whoever gave a command."""

from __future__ import annotations

import os
import sys
import webbrowser

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_browser(url: str) -> bool:
    """Open an address in a browser, and return whether one was there.

    None is where there is no screen: a browser for terminals would take this one.
    """
    has_screen = sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in _SCREENS)
    return has_screen and webbrowser.open(url)
