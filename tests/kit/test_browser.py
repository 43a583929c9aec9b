"""What a page does in the browser of the tests is seen, and fails a test that does not expect it."""

from __future__ import annotations

import pytest

from tests.kit.browser import PHONE, found_browser, visits

WRONG = {
    "an uncaught error": ("<script>throw new Error('torn')</script>", "uncaught: torn"),
    "an error it tells of": ("<script>console.error('broken', 3)</script>", "error: broken 3"),
    "a warning": ("<script>console.warn('old')</script>", "warning: old"),
    "a request that leaves this machine": (
        "<img src='https://elsewhere.invalid/a.png'>",
        "failed: GET https://elsewhere.invalid/a.png: net::ERR_INTERNET_DISCONNECTED",
    ),
    "a host whose name only begins like this machine's": (
        "<img src='http://127.0.0.1.elsewhere.invalid/a.png'>",
        "failed: GET http://127.0.0.1.elsewhere.invalid/a.png: net::ERR_INTERNET_DISCONNECTED",
    ),
    "a file that is not there": ("<img src='lost.png'>", "ERR_FILE_NOT_FOUND"),
    "what its policy refuses": (
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><style>b {}</style>",
        "Content Security Policy",
    ),
}


@pytest.fixture
def page_of(tmp_path):
    def write(body):
        path = tmp_path / "page.html"
        path.write_text(f"<!doctype html><html lang='en'><title>t</title>{body}</html>")
        return path.as_uri()

    return write


def test_a_page_is_shown_in_the_window_and_the_colours_asked_for(visit, page_of):
    one = visit(page_of("<p>hello</p>"), window=PHONE, dark=True)
    assert one.page.inner_text("p") == "hello"
    assert one.page.evaluate("innerWidth") == PHONE[0]
    assert one.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


def test_scripts_can_be_off(visit, page_of):
    one = visit(
        page_of("<p>before</p><script>document.querySelector('p').textContent='x'</script>"), scripts=False
    )
    assert one.page.inner_text("p") == "before"


@pytest.mark.parametrize("wrong", WRONG)
def test_what_no_page_may_do_fails_the_test(browser, page_of, wrong):
    body, said = WRONG[wrong]
    with pytest.raises(AssertionError) as failed, visits(browser) as visit:
        visit(page_of(body)).page.wait_for_load_state("networkidle")
    assert said in str(failed.value)


def test_what_a_test_expects_is_taken_out(visit, page_of):
    one = visit(page_of("<script>console.error('first'); console.error('second')</script>"))
    assert one.expected("first") == ["error: first"]
    assert one.complaints == ["error: second"]
    one.expected("second")


def test_addresses_are_noted_in_order(visit, page_of):
    address = page_of("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>")
    assert visit(address).requests[0] == address


def test_a_machine_without_a_browser_skips(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"playwright|no browser on the path: none of chromium"):
        found_browser()
