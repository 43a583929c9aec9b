"""Words for people: nothing in them breaks a line or a terminal, and no secret is in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.words import counted, first_of, on_one_line, printable, redact_uri, redacted, shown

ANY_TEXT = st.text(st.characters())
"""With the halves of surrogate pairs, as JSON may name them and names of local files hold them."""
LOGIN = st.text(
    st.characters(codec="ascii", exclude_characters="/?#", categories=("L", "N", "P")), min_size=1
)


def test_the_first_few_names_are_told_and_that_there_are_more():
    assert first_of([]) == ""
    assert first_of(list("abcde")) == "a, b, c, d, e"
    assert first_of(list("abcdef")) == "a, b, c, d, e, ..."


@given(ANY_TEXT)
def test_any_path_can_be_shown_on_one_line_and_encoded(path):
    said = printable(path)
    assert said.isprintable()
    said.encode()


@given(
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), include_characters=" ")).filter(
        str.isprintable
    )
)
def test_what_can_be_shown_is_left_as_it_is(path):
    assert printable(path) == path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        (b"caf\xe9.tif".decode("utf-8", "surrogateescape"), "caf\\xe9.tif"),
        ("café\u200b.tif", "café\\u200b.tif"),
        ("half\ud83d.tif", "half\\xed\\xa0\\xbd.tif"),
    ],
)
def test_what_cannot_be_shown_becomes_escapes(path, said):
    assert printable(path) == said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://h/stac?token=SECRET", "https://h/stac"),
        ("HTTPS://h/stac?a='SECRET'&b=\"SECRET#x", "HTTPS://h/stac"),
        ("no answer from http://u:SECRET@h:1/x#SECRET today", "no answer from http://h:1/x today"),
        ("s3://me@corp:SECRET@bucket/a@b.tif", "s3://bucket/a@b.tif"),
        ("ask s3://b, or write to me@h", "ask s3://b, or write to me@h"),
        ("s3://bucket/what?.tif", "s3://bucket/what?.tif"),
        ("/scenes/a?b#c.tif", "/scenes/a?b#c.tif"),
    ],
)
def test_uris_are_shown_without_secrets(text, told):
    assert redact_uri(text) == told


@given(LOGIN, LOGIN, st.sampled_from(["s3", "https", "http"]))
def test_whatever_user_and_password_are_they_are_not_told(user, password, scheme):
    for say in (redact_uri, shown):
        assert say(f"{scheme}://{user}:{password}@host/a/b.tif") == f"{scheme}://host/a/b.tif"


@given(ANY_TEXT)
def test_what_was_redacted_is_not_redacted_again(text):
    once = redact_uri(f"https://{text}")
    assert redact_uri(once) == once


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(TREES)
def test_no_secret_is_left_anywhere_in_a_tree(tree):
    secret = "https://me:SECRET@h/x?token=SECRET"
    told = redacted({"tree": tree, secret: [tree, secret, (secret, {"a": secret})], "number": 3})
    assert "SECRET" not in json.dumps(told)
    assert told["number"] == 3
    assert told["https://h/x"][1:] == ["https://h/x", ["https://h/x", {"a": "https://h/x"}]]


def test_a_link_is_shown_without_secrets_and_not_at_length():
    assert shown("https://me:SECRET@h/x.tif?sig=SECRET#SECRET") == "https://h/x.tif"
    assert shown("//me:SECRET@h/x\n") == "//h/x\\n"
    assert len(shown("x" * 1000)) == 200


@pytest.mark.parametrize(("count", "words"), [(0, "0 scenes"), (1, "1 scene"), (2, "2 scenes")])
def test_one_thing_is_no_plural(count, words):
    assert counted(count, "scene") == words
    assert counted(count, "scene", "are") == f"{words} {'is' if count == 1 else 'are'}"


def test_what_an_error_says_is_on_one_line():
    assert on_one_line(ValueError(" no\n\troom  here ")) == "no room here"
    assert on_one_line("") == ""
