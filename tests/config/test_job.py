"""The config: its contract of names, its defaults, and the sentences of its refusals."""

import textwrap

import pytest

from models.checkpoint import SHIPPED
from sgddiff_batch.config.job import SHIPPED_NETWORKS, TilingConfig, is_absolute, load_config
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.errors import ConfigError

MINIMAL = "archive: {uri: scenes}\noutput: {uri: mosaics}\n"


@pytest.fixture
def write(tmp_path):
    def write_config(text):
        path = tmp_path / "archive.yaml"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write_config


def test_only_the_two_uris_are_required(write):
    config = load_config(write(MINIMAL))
    assert config.model.checkpoint == "bundled"
    assert (config.tiling.tile_px, config.tiling.overlap_px, config.tiling.block_px) == (1088, 64, 4096)
    assert config.engine.kind == "local"


def test_relative_paths_count_from_the_config_file(write, tmp_path):
    config = load_config(write(MINIMAL + "model: {checkpoint: weights/mine}\n"))
    assert config.archive.uri == str(tmp_path / "scenes")
    assert config.output.uri == str(tmp_path / "mosaics")
    assert config.model.checkpoint == str(tmp_path / "weights/mine")


@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_networks_that_ship_are_named_and_no_paths(write, name):
    assert load_config(write(MINIMAL + f"model: {{checkpoint: {name}}}\n")).model.checkpoint == name
    assert name in SHIPPED


def test_absolute_and_remote_uris_are_kept(write):
    config = load_config(write("archive: {uri: 's3://bucket/prefix'}\noutput: {uri: /data/out}\n"))
    assert (config.archive.uri, config.output.uri) == ("s3://bucket/prefix", "/data/out")


def test_later_assignments_win_and_are_yaml_values(write):
    assignments = [
        "tiling.block_px=1024",
        "model.device=cpu",
        "tiling.block_px=2048",
        "input.bands=[3, 2, 1]",
    ]
    config = load_config(write(MINIMAL), assignments)
    assert config.tiling.block_px == 2048
    assert config.model.device == "cpu"
    assert config.input.bands == (3, 2, 1)


def test_a_relative_output_under_a_ray_job_is_refused(write):
    with pytest.raises(ConfigError, match=r"output\.uri.*'mosaics'.*absolute"):
        load_config(write(MINIMAL), under_ray_job=True)
    load_config(write(MINIMAL), ["output.uri=/data/out"], under_ray_job=True)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("tilling.block_px=1024", ["tilling", "unknown key", "nearest known key is tiling"]),
        ("tiling.blok_px=1024", ["tiling.blok_px", "nearest known key is tiling.block_px"]),
        ("block_px=1024", ["block_px", "nearest known key is tiling.block_px"]),
        ("tiling.block_px=1000", ["tiling", "multiple of the chunk, 512 px", "1000"]),
        ("tiling.tile_px=577", ["tile_px", "multiple of 32", "577"]),
        ("tiling.overlap_px=600", ["tiling", "overlap"]),
        ("tiling.overlap_px=-8", ["tiling.overlap_px", "-8"]),
        ("tiling.task_memory_gib=.inf", ["tiling.task_memory_gib", "finite"]),
        ("tiling.task_memory_gib=0", ["tiling.task_memory_gib", "greater than 0", "0"]),
        ("engine.kind=spark", ["engine.kind", "'local' or 'ray'", "'spark'"]),
        ("engine.workers=0", ["engine.workers", "0"]),
        ("model.device=tpu", ["model.device", "'cpu'", "'tpu'"]),
        ("model.backend=onnx", ["model.backend", "'torch' or 'openvino'", "'onnx'"]),
        ("input.bands=[1, 2]", ["input", "three band numbers", "[1, 2]"]),
        ("input.bands=[0, 1, 2]", ["input.bands", "0"]),
        ("input.stretch=[5, 5]", ["input.stretch", "below", "[5"]),
        ("input.stretch=[-.inf, .inf]", ["input.stretch", "both finite", "[-inf, inf]"]),
        ("input.stretch=[.nan, 5]", ["input.stretch", "below", "nan"]),
        ("input.stretch=bright", ["input.stretch", "'auto' or 'none'", "'bright'"]),
        ("archive.uri=", ["archive.uri", "string", "None"]),
        ("tiling.block_px=33280", ["tiling", "at most 64 times as much", "33280"]),
        ("lease.seconds=1", ["lease.seconds", "greater than or equal to"]),
        ("output.keep_generations=0", ["output.keep_generations", "greater than or equal to 1"]),
        ("output.publish_minutes=-1", ["output.publish_minutes", "greater than or equal to 0"]),
        ("output.publish_minutes=.nan", ["output.publish_minutes", "finite number"]),
        ("output.publish_minutes=null", ["output.publish_minutes", "number", "None"]),
        ("model.batch_tiles=0", ["model.batch_tiles", "greater than or equal to 1"]),
        ("model.precision=half", ["model.precision", "'fp32', 'bf16' or 'fp16'", "'half'"]),
        ("archive=here", ["archive", "'here'"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_what_was_found_and_what_is_allowed(write, assignment, words):
    with pytest.raises(ConfigError) as refusal:
        load_config(write(MINIMAL), [assignment])
    for word in words:
        assert word in str(refusal.value)


def test_a_backend_for_cpus_is_refused_for_a_gpu(write):
    asked = ["model.backend=openvino", "model.precision=bf16"]
    assert load_config(write(MINIMAL), asked).model.precision == "bf16"
    with pytest.raises(ConfigError, match=r"model.*openvino computes on CPUs, and device is cuda"):
        load_config(write(MINIMAL), [*asked, "model.device=cuda"])


def test_a_missing_key_is_named(write):
    with pytest.raises(ConfigError, match=r"output: required"):
        load_config(write("archive: {uri: a}\n"))


@pytest.mark.parametrize("key", ["archive.uri", "output.uri"])
def test_a_signed_link_is_refused_and_its_signature_is_not_shown(tmp_path, key):
    path = tmp_path / "archive.yaml"
    path.write_text("archive: {uri: s3://bucket/scenes}\noutput: {uri: s3://bucket/out}\n")
    link = "s3://me:pw@bucket/a.tif?X-Amz-Credential=me&X-Amz-Signature=s3cret"
    with pytest.raises(ConfigError, match=rf"{key}: .*must not hold a query") as caught:
        load_config(str(path), [f"{key}='{link}'"])
    assert "s3cret" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_question_mark_alone_is_a_wildcard(tmp_path):
    path = tmp_path / "archive.yaml"
    path.write_text("archive: {uri: 's3://bucket/a?/*.tif'}\noutput: {uri: s3://bucket/out}\n")
    assert load_config(str(path)).archive.uri == "s3://bucket/a?/*.tif"


def test_a_tilde_is_ones_home_and_of_nobody_s_home_a_name(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = load_config(write("archive: {uri: ~/scenes}\noutput: {uri: ~nobody-has-this-name/out}\n"))
    assert config.archive.uri == "/home/me/scenes"
    assert config.output.uri == str(tmp_path / "~nobody-has-this-name" / "out")


@pytest.mark.parametrize("output", ["scenes", "./scenes/", "more/../scenes"])
def test_an_output_that_is_the_archive_is_refused(write, output):
    with pytest.raises(ConfigError, match=r"output\.uri: must not be the archive itself"):
        load_config(write(f"archive: {{uri: scenes}}\noutput: {{uri: {output}}}\n"))


@pytest.mark.parametrize("output", ["/", "//", "/.", "/data/.."])
def test_an_output_around_everything_is_refused_for_no_scene_would_be_outside_of_it(write, output):
    with pytest.raises(ConfigError, match=r"output\.uri: .* is the root of the file system, .*give a folder"):
        load_config(write(f"archive: {{uri: scenes}}\noutput: {{uri: {output}}}\n"))


@pytest.mark.parametrize("output", ["file:///", "file:///data/out"])
def test_a_file_url_is_no_output(write, output):
    with pytest.raises(ConfigError, match=r"output\.uri: must be a local path or s3://"):
        load_config(write(f"archive: {{uri: scenes}}\noutput: {{uri: '{output}'}}\n"))


def test_an_output_inside_of_the_archive_is_none_of_it(write, tmp_path):
    config = load_config(write("archive: {uri: scenes}\noutput: {uri: scenes/out}\n"))
    assert config.output.uri == str(tmp_path / "scenes" / "out")


def test_sizes_are_given_on_in_the_units_of_the_core():
    tiling = TilingConfig(tile_px=96, overlap_px=32, block_px=128, task_memory_gib=0.5)
    assert tiling.task_memory_bytes == 2**29
    assert tiling.tiling == Tiling(96, 32, 128)
    assert TilingConfig().tiling == Tiling()


@pytest.mark.parametrize(
    "sizes",
    [
        {"block_px": 1536},
        {"block_px": 512 * 64},
        {"overlap_px": 32, "block_px": 544 * 64},
        {"overlap_px": 288, "block_px": 288 * 3},
        {"tile_px": 128, "block_px": 64 * 64},
        {"tile_px": 384, "overlap_px": 96, "block_px": 288 * 5},
        {"tile_px": 4096, "overlap_px": 2048, "block_px": 2048 * 64},
    ],
)
def test_sizes_that_were_valid_when_blocks_were_whole_strides_of_576_px_still_are(sizes):
    former = {"tile_px": 576, "overlap_px": 64} | sizes
    assert former["block_px"] % (former["tile_px"] - former["overlap_px"]) == 0
    tiling = TilingConfig(**sizes).tiling
    assert tiling.block_px % tiling.chunk_px == 0


@pytest.mark.parametrize(
    ("uri", "absolute"), [("/a", True), ("s3://b/a", True), ("a/b", False), ("~/a", False), ("../a", False)]
)
def test_an_absolute_uri_means_the_same_from_every_folder(uri, absolute):
    assert is_absolute(uri) is absolute
