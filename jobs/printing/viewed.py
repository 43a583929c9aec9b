"""What is said of a page that was written as files: where it is, and what its readers need besides."""

from __future__ import annotations

import sys

from sgddiff_batch.core.words import printable, redact_uri
from sgddiff_batch.viewer import StaticPage


def print_static_page(page: StaticPage) -> None:
    """Print its address, and to standard error which hosts must allow it, and what it cannot show."""
    print(page.url or page.uri)
    if page.hosts:
        hosts = ", ".join(page.hosts)
        print(f"it reads from {hosts}, which must allow it (CORS): docs/viewing.md", file=sys.stderr)
    for root in page.unseen:
        print(f"it does not show the scenes of {printable(redact_uri(root))}", file=sys.stderr)
