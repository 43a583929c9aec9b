"""How a file and what is laid over it become a config, and how mistakes are told without a secret."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.config.reading import Section, Uri, check_no_login, read_config
from sgddiff_batch.errors import ConfigError


class Size(Section):
    """Two numbers."""

    height_px: int = 1
    width_px: int = 1


class Pictures(Section):
    """What a toy job reads."""

    uri: Uri
    size: Size = Size()
    tags: tuple[str, ...] = ()
    day: str = ""
    more: tuple[Size, ...] = ()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "pictures.yaml"
    file.write_text("uri: here\nsize: {height_px: 3}\n")
    return str(file)


def refused(tmp_path, text, *assignments):
    file = tmp_path / "pictures.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        read_config(Pictures, str(file), assignments)
    return str(refusal.value)


def test_what_is_laid_over_a_file_wins_and_leaves_the_rest_as_it_is(path):
    config = read_config(Pictures, path, ["size.width_px=4", "tags=[a, b]", "size.width_px=5"])
    assert config == Pictures(uri="here", size=Size(height_px=3, width_px=5), tags=("a", "b"))


@given(tag=st.text())
def test_any_text_can_be_laid_over_as_yaml(path, tag):
    text = yaml.safe_dump([tag], default_flow_style=True, allow_unicode=False, width=math.inf)
    assert read_config(Pictures, path, [f"tags={text}"]).tags == (tag,)


def test_an_empty_section_is_its_defaults(tmp_path):
    (tmp_path / "pictures.yaml").write_text("uri: here\nsize:\n")
    config = read_config(Pictures, str(tmp_path / "pictures.yaml"), ["size.height_px=7"])
    assert config.size == Size(height_px=7)


def test_a_section_is_frozen(path):
    with pytest.raises(ValueError, match="frozen"):
        read_config(Pictures, path).size = Size()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("sise.height_px=1", "sise: unknown key; the nearest known key is size"),
        ("size.hight_px=1", "size.hight_px: unknown key; the nearest known key is size.height_px"),
        ("width_px=1", "width_px: unknown key; the nearest known key is size.width_px"),
        ("qqq=1", "qqq: unknown key; known are uri, size, size.height_px"),
        ("size.height_px=tall", "size.height_px: input should be a valid integer"),
        ("more=[{height_px: 1}, {height_px: x}]", "more.1.height_px: input should be"),
        ("more=[{hight_px: 1}]", "more.0.hight_px: unknown key; the nearest known key is more.height_px"),
        ("uri=null", "uri: input should be a valid string, got None"),
    ],
)
def test_a_mistake_is_told_by_its_key_and_what_is_near(path, assignment, words):
    with pytest.raises(ConfigError) as refusal:
        read_config(Pictures, path, [assignment])
    assert str(refusal.value).startswith(words)


def test_all_mistakes_are_told_at_once(tmp_path):
    words = refused(tmp_path, "size: {height_px: x, width_px: y}\n")
    assert words.count("; ") == 2
    assert "uri: required, but not given" in words


@pytest.mark.parametrize("assignment", ["size.height_px", "=3", " =3", "tags=[1", "uri.more=1"])
def test_an_assignment_that_is_none_is_refused_as_written(path, assignment):
    with pytest.raises(ConfigError) as refusal:
        read_config(Pictures, path, [assignment])
    assert str(refusal.value).startswith(f"--set {assignment!r}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "must hold keys and values, found a list"),
        ("uri: [", "is not a YAML config"),
        ("uri: a\nuri: b\n", "uri is given twice"),
        ("uri: a\nsize: {height_px: 1, height_px: 2}\n", "height_px is given twice"),
        ("uri: !!python/name:os.system\n", "is not a YAML config"),
        ("uri: a\nday: 2026-02-30\n", "is not a YAML config: day"),
        ("uri: a\nday: !!int soon\n", "is not a YAML config"),
        ("[" * 5000, "is not a YAML config"),
    ],
)
def test_a_file_that_holds_no_config_is_refused_by_its_name(tmp_path, text, words):
    said = refused(tmp_path, text)
    assert said.startswith(f"--config {tmp_path / 'pictures.yaml'}: ")
    assert words in said


@pytest.mark.parametrize("value", ["2026-02-30", "!!float much", "[" * 5000])
def test_a_value_that_looks_like_a_date_or_a_number_and_is_none_is_refused(path, value):
    with pytest.raises(ConfigError, match="is not a YAML value"):
        read_config(Pictures, path, [f"day={value}"])


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"--config .*none\.yaml: cannot be read"):
        read_config(Pictures, str(tmp_path / "none.yaml"))
    (tmp_path / "latin.yaml").write_bytes(b"uri: caf\xe9\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(Pictures, str(tmp_path / "latin.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        "uri: 's3://me:s3cret@bucket/x'\n",
        "uri: 's3://bucket/x?X-Amz-Signature=s3cret'\n",
        "uri: ['https://h/stac?token=s3cret']\n",
        "uri: here\nsize: {height_px: 'https://me:s3cret@h/x?a=s3cret'}\n",
        "uri: {'headers_from_env': {'Authorization': s3cret}}\n",
    ],
)
def test_no_secret_is_in_a_refusal(tmp_path, text):
    assert "s3cret" not in refused(tmp_path, text)


def test_no_secret_of_a_value_is_told_where_a_key_below_it_is_set(tmp_path):
    words = refused(tmp_path, "uri: 'https://h/stac?token=s3cret'\n", "uri.more=1")
    assert "s3cret" not in words
    assert "uri holds a str" in words


@pytest.mark.parametrize(
    "uri", ["s3://bucket/a?/*.tif", "s3://b/x@y.tif", "me@host:/x", "a?b=c", "s3://b/a=b"]
)
def test_wildcards_and_names_with_odd_characters_are_no_logins(uri):
    assert check_no_login(uri) == uri


@pytest.mark.parametrize("uri", ["gs://bucket/x", "s3://", "s3:///", "S3://bucket/x", "https://host/x"])
def test_a_uri_is_a_path_or_in_a_bucket(tmp_path, uri):
    assert f"must be a local path or s3://bucket/..., got '{uri}'" in refused(tmp_path, f"uri: '{uri}'\n")
