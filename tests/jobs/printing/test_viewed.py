from __future__ import annotations

from jobs.printing import print_static_page
from sgddiff_batch.viewer import StaticPage


def test_a_page_is_named_alone_where_it_needs_nothing_else(capsys):
    print_static_page(StaticPage("out/_view/index.html", None, (), ()))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("out/_view/index.html\n", "")


def test_hosts_and_what_is_not_shown_are_told_without_logins(capsys):
    address = "https://b.example/_view/index.html"
    print_static_page(
        StaticPage("s3://b/_view/index.html", address, ("https://a", "https://c"), ("https://u:p@d/x",))
    )
    said = capsys.readouterr()
    assert said.out == f"{address}\n"
    assert said.err.splitlines() == [
        "it reads from https://a, https://c, which must allow it (CORS): docs/viewing.md",
        "it does not show the scenes of https://d/x",
    ]
