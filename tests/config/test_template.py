import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.config.job import ArchiveJobConfig, load_config
from sgddiff_batch.config.objects import ObjectsConfig
from sgddiff_batch.config.reading import _known_keys
from sgddiff_batch.config.template import commented_config
from sgddiff_batch.errors import ConfigError

URIS = {"archive.uri": "scenes", "output.uri": "mosaics"}
UNCOMMENTED = re.compile(r"^( *)#(?=[a-z]|  [- ] ?[a-z])", re.MULTILINE)


def load(folder, text):
    path = folder / "archive.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(str(path))


def test_the_template_alone_is_the_config_of_the_two_uris(tmp_path):
    bare = load(tmp_path, "archive: {uri: scenes}\noutput: {uri: mosaics}\n")
    assert load(tmp_path, commented_config(URIS)) == bare


def test_it_names_every_key_that_there_is():
    text = commented_config(URIS)
    known = {key for key in _known_keys(ArchiveJobConfig) if not key.startswith(("archive.also.",))}
    names = {key.rpartition(".")[2] for key in known}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", text)) == []


def test_every_line_that_is_commented_out_may_be_used(tmp_path):
    text = UNCOMMENTED.sub(r"\1", commented_config(URIS))
    assert "\n#" not in text.partition("archive:")[2].replace("\n# Area", "").replace("\n# Objects", "")
    config = load(tmp_path, text)
    assert config.archive.duplicates is not None
    assert config.archive.filters.names == ("*.tif",)
    assert [area.name for area in config.areas] == ["monthly"]
    assert config.objects == ObjectsConfig()


def test_lines_fit_into_a_terminal_and_each_key_has_a_comment():
    lines = commented_config(URIS).splitlines()
    assert max(map(len, lines)) <= 110
    assert [line for line in lines if re.match(r"\s+\w+:", line) and "  # " not in line] == []


def test_values_take_the_place_of_defaults(tmp_path):
    values = {
        **URIS,
        "engine.kind": "ray",
        "engine.workers": 3,
        "input.bands": [4, 3, 2],
        "model.device": "cpu",
    }
    config = load(tmp_path, commented_config(values))
    assert (config.engine.kind, config.engine.workers, config.input.bands) == ("ray", 3, (4, 3, 2))
    assert config.model.device == "cpu"


@given(
    name=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)
    | st.sampled_from(["a #b", "a: b", "- a", "no", "1", "a\nb"])
)
def test_any_path_comes_back_as_it_was(name):
    import yaml

    tree = yaml.safe_load(commented_config({**URIS, "output.uri": name}))
    assert tree["output"]["uri"] == name


def test_a_key_that_it_has_not_is_refused():
    with pytest.raises(ConfigError, match=r"model\.divice: no key"):
        commented_config({"model.divice": "cpu"})
