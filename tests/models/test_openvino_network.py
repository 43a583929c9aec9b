"""The student on OpenVINO: its bytes hold up, are near PyTorch's, and nothing is told to anybody."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from models import openvino_network
from models.checkpoint import load_checkpoint
from models.openvino_network import (
    GRAPH,
    MissingRuntimeError,
    OpenVINOCodes,
    describe_runtime,
    import_openvino,
    instruction_set,
)
from models.predictor import CodesOf, TaskPredictor, describe_predictor, load_predictor, prepare_network
from models.sgddiff import SGDDiff
from tests.kit.jobs import save_tiny_checkpoint
from tests.models.tile_examples import scene_task

try:
    import_openvino()
    MISSING = ""
except MissingRuntimeError as error:
    MISSING = str(error)

needs_openvino = pytest.mark.skipif(bool(MISSING), reason=MISSING)
SHAPES = [(96, 96), (100, 70)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny"))


@pytest.fixture(scope="module", autouse=True)
def _few_levels():
    """Enough for 256 steps, tiles of 128 px: graphs of half the size, and the same bytes (`test_scan`)."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("models.scan.SCAN_LEVELS", 8)
        yield


@pytest.fixture(scope="module")
def codes(folder):
    """A network for two calls at once, made while nobody can be told of it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket.socket, "connect", lambda *_: pytest.fail("asks the network"))
        return OpenVINOCodes(load_checkpoint(folder).network)


def batch(shape, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tiles = torch.randint(0, 256, (count, 3, *shape), dtype=torch.uint8, generator=generator)
    return tiles, torch.randint(0, 100_000, (count, 2), generator=generator)


@needs_openvino
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_are_within_one_of_pytorchs(folder, codes, shape):
    given = batch(shape)
    with torch.inference_mode():
        expected = CodesOf(prepare_network(load_checkpoint(folder).network, torch.device("cpu")))(*given)
    found = codes(*given)
    assert found.shape == expected.shape
    assert found.float().std() > 20  # there is something to compare
    assert (found.int() - expected.int()).abs().max() <= 1


@needs_openvino
@pytest.mark.parametrize("shape", SHAPES)
def test_bytes_are_the_same_alone_in_any_place_and_from_several_threads(codes, shape):
    tiles, origins = batch(shape, 4)
    together = codes(tiles, origins)
    alone = [codes(tiles[k : k + 1], origins[k : k + 1])[0] for k in (3, 1, 0, 2)]
    assert all(torch.equal(alone[at], together[k]) for at, k in enumerate((3, 1, 0, 2)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: codes(tiles[k : k + 1], origins[k : k + 1])[0], [0, 1, 2, 3] * 3))
    assert all(torch.equal(part, together[at % 4]) for at, part in enumerate(found))


@needs_openvino
def test_bytes_are_those_of_a_network_that_was_compiled_anew_for_one_caller(folder, codes):
    given = batch((96, 96))
    assert torch.equal(OpenVINOCodes(load_checkpoint(folder).network)(*given), codes(*given))


@needs_openvino
def test_shapes_that_were_not_used_for_long_are_forgotten_and_compiled_again(codes, monkeypatch):
    monkeypatch.setattr(openvino_network, "MOST_SHAPES", 2)
    before = codes(*batch((96, 96)))
    for shape in ((112, 80), (32, 32)):  # the first is what (100, 70) is filled up to
        codes(*batch(shape, 1))
    assert list(codes._compiler._idle) == [(112, 80), (32, 32)]
    assert torch.equal(codes(*batch((96, 96))), before)


@needs_openvino
def test_a_shape_is_compiled_for_each_caller_at_once_and_no_more(codes, monkeypatch):
    compiled = []
    ours = codes._compiler.compiled
    monkeypatch.setattr(codes._compiler, "compiled", lambda *given: compiled.append(1) or ours(*given))
    given = batch((32, 96), 1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: codes(*given), range(4)))
        again = list(pool.map(lambda _: codes(*given), range(20)))
    assert 1 <= len(compiled) <= 4
    assert all(torch.equal(part, found[0]) for part in found + again)


@needs_openvino
@pytest.mark.slow
def test_bytes_stay_while_several_callers_let_shapes_come_and_go(codes, monkeypatch):
    """Streams of one graph did not hold this: 4 of 86 calls gave other codes, up to 254 apart."""
    monkeypatch.setattr(openvino_network, "MOST_SHAPES", 2)
    tasks = [batch(shape, 1, seed) for seed, shape in enumerate([(64, 96), (64, 64), (96, 64)])]
    expected = [codes(*task) for task in tasks]
    order = torch.randint(0, 3, (60,), generator=torch.Generator().manual_seed(0)).tolist()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda k: codes(*tasks[k]), order))
    assert all(torch.equal(part, expected[k]) for part, k in zip(found, order, strict=True))


@needs_openvino
def test_a_failed_compilation_is_the_error_of_its_call_and_the_next_one_works(codes, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(codes._compiler, "compiled", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            codes(*batch((160, 32), 1))
    assert codes(*batch((160, 32), 1)).shape == (1, 160, 32)


@needs_openvino
def test_bfloat16_has_other_bytes_which_hold_up_as_well(folder, codes):
    given = batch((96, 96))
    half = OpenVINOCodes(load_checkpoint(folder).network, "bf16")
    if instruction_set("bf16") not in {"amx_bf16", "avx512_bf16"}:
        pytest.skip("this processor computes bfloat16 in float32")
    found = half(*given)
    assert not torch.equal(found, codes(*given))
    assert (found.float() - codes(*given).float()).abs().mean() < 8  # random weights amplify
    assert torch.equal(half(given[0][2:], given[1][2:])[0], found[2])


@needs_openvino
def test_a_predictor_computes_tasks_with_it(folder, tmp_path):
    predictor = load_predictor(folder, "cpu", backend="openvino", predictors=2)
    task = scene_task(150, 200)
    found, expected = predictor.predict(*task), load_predictor(folder, "cpu").predict(*task)
    predictor.close()
    assert isinstance(predictor, TaskPredictor)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert predictor._digest == load_checkpoint(folder).digest


def test_what_it_cannot_compute_is_refused_before_anything_runs(tiny):
    config = tiny.config
    ssd = SGDDiff(replace(config, encoder=replace(config.encoder, scan="ssd")))
    with pytest.raises(ValueError, match=r"'ssd'.*model\.backend: torch"):
        OpenVINOCodes(ssd)


@needs_openvino
def test_a_tile_with_more_steps_than_levels_is_refused(codes):
    with pytest.raises(ValueError, match="at most 2048 x 2048 px here, found"):
        codes(torch.zeros(1, 3, 4096, 2048, dtype=torch.uint8), torch.zeros(1, 2, dtype=torch.long))


@needs_openvino
def test_an_unknown_precision_is_refused(tiny):
    with pytest.raises(ValueError, match=r"model\.precision must be one of fp32, bf16, found 'fp8'"):
        OpenVINOCodes(tiny, "fp8")


@needs_openvino
def test_the_description_names_runtime_precision_and_instructions(folder):
    ours = describe_predictor(folder, "cpu", backend="openvino", precision="bf16")
    assert ours.pop("backend") == {
        "runtime": "openvino 2026.4.1",
        "graph": GRAPH,
        "precision": "bf16",
        "instructions": instruction_set("bf16"),
    }
    assert ours == describe_predictor(folder, "cpu")
    with pytest.raises(ValueError, match=r"at most 2048 px, and tiling\.tile_px is 4096"):
        describe_predictor(folder, "cpu", backend="openvino", tile_px=4096)


@needs_openvino
def test_its_maker_is_told_nothing(codes):
    from openvino.tools.ovc import telemetry_utils

    assert sys.modules["openvino_telemetry"] is None
    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_without_it_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingRuntimeError, match=r"pip install 'sgddiff-batch\[openvino\]'"):
        import_openvino()
    monkeypatch.setattr(openvino_network, "is_installed", lambda: False)
    with pytest.raises(MissingRuntimeError, match="OpenVINO is not installed; install the extra"):
        describe_runtime("fp32")


def test_it_is_not_imported_unless_it_is_asked_for(folder):
    code = (
        "import sys; from models.predictor import describe_predictor, load_predictor\n"
        f"load_predictor({folder!r}, 'cpu'); describe_predictor({folder!r}, 'cpu')\n"
        "sys.exit('openvino' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("flags", "precision", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16", "fp32", "avx512f"),
        ("fpu avx2 avx512f avx512_bf16", "bf16", "avx512_bf16"),
        ("avx512f amx_bf16 avx512_bf16", "bf16", "amx_bf16"),
        ("fpu avx2", "bf16", "avx2"),
    ],
)
def test_the_widest_instructions_of_a_precision_are_found(tmp_path, flags, precision, expected):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor : 0\nflags\t\t: {flags}\n\nprocessor : 1\n")
    assert instruction_set(precision, info) == expected


def test_a_processor_that_says_nothing_is_known_by_its_kind(tmp_path):
    (tmp_path / "cpuinfo").write_text("")
    assert instruction_set("fp32", tmp_path / "cpuinfo") == instruction_set("fp32", tmp_path / "none")
