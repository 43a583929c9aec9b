"""The arithmetic of `tests.bench.network`, and its last line."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from models.checkpoint import load_checkpoint
from models.openvino_network import is_installed
from models.presets import preset
from models.sgddiff import SGDDiff
from tests.bench import network
from tests.bench.network_openvino import by_part
from tests.bench.network_parts import INNER_PARTS, PEAK_GMAC, TOP_PARTS, Meter, TorchSubject


def test_shares_are_of_the_peak_that_was_measured_beside_them():
    seconds = {"student": 0.3, "fpn": 0.2, "peak": PEAK_GMAC / 50}
    found = network.summary(seconds, {"stem": 0.1, "rest": 0.0}, {"stem": 2.5, "rest": 0.0, "whole": 3.0})
    assert found["peak_gmac_per_s"] == pytest.approx(50)
    assert (found["student_s"], found["fpn_s"], found["ratio"]) == (0.3, 0.2, 1.5)
    assert found["share_of_peak"] == pytest.approx(3.0 / 0.3 / 50)
    assert found["parts"]["stem"] == {"ms": 100.0, "gmac": 2.5, "share_of_peak": 0.5}
    assert found["parts"]["rest"]["share_of_peak"] == 0.0


class Clockwork(nn.Module):
    """A part that takes as many seconds as its input says, by a clock of its own."""

    now = 0.0

    def forward(self, x):
        Clockwork.now += float(x)
        return x


def test_a_part_has_the_seconds_of_all_its_calls_and_modules():
    body = nn.Module()
    for name in TOP_PARTS:
        setattr(body, name, nn.Sequential(Clockwork(), Clockwork()))
    with Meter(body, lambda: Clockwork.now).attached() as meter:
        body.stem(torch.tensor(2.0))
        body.stem(torch.tensor(3.0))
        body.decoder(torch.tensor(0.5))
    body.stem(torch.tensor(7.0))  # nobody listens any more
    assert meter.spent == {**dict.fromkeys((*TOP_PARTS, *INNER_PARTS), 0.0), "stem": 10.0, "decoder": 1.0}


def test_the_middle_turn_counts_and_the_first_does_not():
    ticks = iter(range(10_000))

    class Counted:
        turns = 0

        def student(self):
            Counted.turns += 1
            for _ in range(100 if Counted.turns == 1 else Counted.turns):
                next(ticks)

        def fpn(self):
            next(ticks)

        def parts_s(self, clock):
            return {"stem": 0.5}

        def parts_gmac(self):
            return {"stem": 1.0, "whole": 2.0}

    found = network.measure(Counted(), 3, clock=lambda: float(next(ticks)))
    assert (found["student_s"], found["fpn_s"]) == (4.0, 2.0)  # 2, 3 and 4 ticks, and those of the clock
    assert Counted.turns == 4


def test_the_parts_multiply_as_much_as_the_whole():
    student = SGDDiff(preset("student")).eval()
    found = TorchSubject(student, nn.Identity(), 64).parts_gmac()
    assert sum(found[name] for name in (*TOP_PARTS, "rest")) == pytest.approx(found["whole"])
    assert 0 < found["encoder.gdb"] + found["encoder.ss2d"] < found["encoder"]


def test_the_fpn_has_the_students_stem():
    student = load_checkpoint("bundled-fine").network
    rival = network.fpn_of(student)
    assert torch.equal(rival.stem.blocks[3].expand.weight, student.stem.blocks[3].expand.weight)
    with pytest.raises(ValueError, match="'conv'"):
        network.fpn_of(SGDDiff(preset("tiny")))


def test_nodes_of_a_graph_are_counted_in_each_part_they_lie_in():
    prefixes = {
        "stem": ["__module.network.stem"],
        "encoder": ["__module.network.encoder"],
        "encoder.gdb": ["__module.network.encoder.stages.0.0.local"],
    }
    nodes = {
        "__module.network.stem.blocks.3/aten::convolution": 1.0,
        "__module.network.encoder.stages.0.0.local.project/aten::convolution": 2.0,
        "__module.network.encoder.stages.0.0.locality/aten::add": 4.0,
        "__module.network/aten::sigmoid": 8.0,
        "Convert_1": 16.0,
    }
    spent = by_part(nodes.items(), prefixes)
    assert {part: s for part, s in spent.items() if s} == {
        **{"stem": 1.0, "encoder": 6.0, "encoder.gdb": 2.0},
        "rest": 24.0,
    }


@pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed")
def test_openvino_tells_its_parts(capsys, monkeypatch):
    monkeypatch.setattr(network, "prepare_process", lambda: None)
    monkeypatch.setattr("models.scan.SCAN_LEVELS", 4)
    asked = ["--tile", "64", "--repeat", "1", "--checkpoint", "bundled-fine", "--backend", "openvino"]
    assert network.main(asked) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["backend"] == "openvino"
    assert all(found["parts"][name]["ms"] > 0 for name in (*TOP_PARTS, *INNER_PARTS))


def test_the_last_line_is_what_a_script_reads(capsys, monkeypatch):
    monkeypatch.setattr(network, "prepare_process", lambda: None)  # of the process with all other tests
    assert network.main(["--tile", "64", "--repeat", "1", "--backend", "torch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert {"student_s", "fpn_s", "ratio", "share_of_peak", "parts"} <= found.keys()
    assert found["ratio"] == pytest.approx(found["student_s"] / found["fpn_s"], rel=0.02)
    assert found["parts"].keys() == {*TOP_PARTS, *INNER_PARTS, "rest"}
    assert any(line.startswith("| stem |") for line in lines)


def test_a_side_that_is_no_multiple_is_refused(capsys):
    with pytest.raises(SystemExit):
        network.main(["--tile", "100"])
    assert "multiple of 32 px" in capsys.readouterr().err
