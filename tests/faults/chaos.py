"""A chaos run: an archive on S3, a scripted storm over it, and then the question what is left.

    python -m tests.faults.chaos --seed N [--scenes 60] [--nodes 3] [--runs 6] [--permille 15]

Runs of the main job are killed, paused and disturbed by second runs; their Ray workers and nodes are killed
(with --nodes above 0, else the local engine works); requests to the store fail; scenes are replaced and
removed. Then the job is run until it ends by itself with nothing pending, and once more. Exit codes: 0
nothing was found wrong, 1 something was; it is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from unittest.mock import patch

import yaml

from jobs import infer_archive
from jobs.exits import Exit
from tests.faults.storm_ambush import STAGES
from tests.faults.storm_checks import find_wrong, left_behind, newest_report
from tests.faults.storm_nodes import Nodes, is_worker, run_nodes, workers
from tests.faults.storm_proxy import Storm, run_storm_proxy
from tests.faults.storm_scenes import StormArchive
from tests.kit import jobs
from tests.kit.s3 import S3Server, run_s3_server

LEASE_S = 6.0
PUTS_A_SCENE = 14
"""Objects that are put for a scene of the storm, at least; the acts of all runs are spread over them."""
KILLS_A_RUN = 2
"""Of workers, where there are nodes."""
_OF_AN_AMBUSH_S = 30.0
_MOST_RUNS = 15
_TASKS = {"block_px": 64, "task_memory_gib": 0.003}
"""So that the largest scenes have several, and with them marks of blocks."""
_OF_A_JOB_S = 900.0
_DONE = (Exit.DONE, Exit.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens to a run once it has put so many objects."""

    after_puts: int
    what: str


def needs_workers(act: Act) -> bool:
    """Whether an act waits until a worker of the cluster is at work; before that it would hit nothing."""
    return act.what == "node" or act.what.startswith("worker ")


@dataclass
class Told:
    """What was done, and what came of it."""

    acts: Counter[str] = field(default_factory=Counter)
    codes: list[int] = field(default_factory=list)
    puts: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Remember what is wrong unless it holds."""
        if not holds:
            self.wrong.append(otherwise)


def script(seed: int, runs: int, scenes: int, nodes: int) -> list[list[Act]]:
    """Return the acts of each run, in order; the last act of a run is its end, well before its work is done.

    Workers are killed at the stages of a scene; three seeds in a row have all of them, before and after.
    Runs are killed. Of more than two, the last is paused until another has taken over, which is left alone.
    """
    rng = random.Random(f"script {seed}")
    kills = [f"worker {when} {stage}" for when in ("before", "after") for stage in STAGES]
    ambushes = islice(cycle(kills), KILLS_A_RUN * runs * seed % len(kills), None)
    ends = ["kill"] * runs
    if runs > 2:
        ends[-1] = "stop"
    whole = []
    for number, end in enumerate(ends):
        others = ["second", "replace"] if number % 3 == 0 else rng.sample(["replace", "remove", "second"], 1)
        if nodes:
            others += [*islice(ambushes, KILLS_A_RUN), *(["node"] if number % 3 == 1 else [])]
        rng.shuffle(others)
        at = sorted(rng.randrange(1, PUTS_A_SCENE * scenes // runs) for _ in (*others, end))
        whole.append([Act(puts, what) for puts, what in zip(at, [*others, end], strict=True)])
    return whole


@dataclass
class Chaos:
    """A storm over one output: what it blows over, and what it has told so far."""

    config: Path
    archive: StormArchive
    storm: Storm
    nodes: Nodes | None
    told: Told = field(default_factory=Told)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the job beside whatever else is running."""
        return jobs.start_job(self.config)

    def run_disturbed(self, acts: Sequence[Act]) -> None:
        """Run the job through its acts; one that ends before them ends them.

        It puts nothing more until an act has happened, so that the same storm blows on any machine; but
        where an act needs workers, they may take their time to start.
        """
        before, process = self.storm.puts, self.start()
        for act in acts:
            if not needs_workers(act):
                self.storm.hold(before + act.after_puts)
            while process.poll() is None and not self._is_time(act, before):
                time.sleep(0.02)
            if process.poll() is not None:
                break
            self._do(act.what, process)
            self.storm.go_on()
        self.storm.go_on()
        self._end(process)
        self.told.puts.append(self.storm.puts - before)

    def _is_time(self, act: Act, before: int) -> bool:
        if self.storm.puts - before < act.after_puts:
            return False
        return not needs_workers(act) or bool(workers())

    def run_whole(self) -> int:
        """Run the job and leave it alone; return its exit code."""
        return self._end(self.start())

    def _do(self, what: str, process: subprocess.Popen[bytes]) -> None:
        acts: dict[str, Callable[[], object]] = {
            "kill": process.kill,
            "stop": lambda: self._pause(process),
            "second": lambda: self._second(process),
            "replace": self.archive.replace,
            "remove": self.archive.remove,
        }
        if self.nodes:
            acts["node"] = self.nodes.kill_node
        if what.startswith("worker "):
            acts[what] = lambda: self._ambush(process, *what.split()[1:])
        happened = acts[what]() is not False
        self.told.acts[what if happened else f"{what}, but there was none"] += 1

    def _ambush(self, process: subprocess.Popen[bytes], when: str, stage: str) -> bool:
        """Kill the worker that asks next for what is of a stage; return whether one did."""
        self.storm.ambush.lay(stage, when, is_worker)
        self.storm.go_on()
        end = time.monotonic() + _OF_AN_AMBUSH_S
        while process.poll() is None and self.storm.ambush.is_laid and time.monotonic() < end:
            time.sleep(0.02)
        return self.storm.ambush.lift()

    def _second(self, first: subprocess.Popen[bytes]) -> None:
        """A second run leaves with 4 if the first is at work all the time."""
        second = self.start()
        while first.poll() is None and second.poll() is None:
            time.sleep(0.02)
        self.storm.go_on()
        code = self._end(second)
        if first.poll() is None:
            self.told.expect(code == Exit.HELD, f"a second run ended with {code}, not 4")

    def _pause(self, first: subprocess.Popen[bytes]) -> None:
        """Stop the driver for longer than its lease while another run takes over; then it must end."""
        first.send_signal(signal.SIGSTOP)
        self.storm.go_on()
        other = self.start()
        try:
            other.wait(3 * LEASE_S + 20)
        except subprocess.TimeoutExpired:
            self.told.acts["the other run was still at work when the paused one woke"] += 1
        first.send_signal(signal.SIGCONT)
        code = self._end(first)
        self.told.expect(code == 1, f"a run that had lost its lease ended with {code}, not 1")
        self._end(other)

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        try:
            code = process.wait(_OF_A_JOB_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
            self.told.wrong.append(f"a run did not end within {_OF_A_JOB_S:g} s")
        self.told.codes.append(code)
        self.told.expect(code in (0, 1, 3, 4, -signal.SIGKILL), f"a run ended with {code}")
        return code


def blow(chaos: Chaos, acts: Sequence[Sequence[Act]]) -> None:
    """Let the storm blow, then run until nothing is pending, then once more in quiet."""
    chaos.storm.quiet = False
    for of_a_run in acts:
        chaos.run_disturbed(of_a_run)
    for _ in range(_MOST_RUNS):
        if chaos.run_whole() in _DONE:
            break
    else:
        chaos.told.wrong.append(f"no run ended with nothing pending in {_MOST_RUNS} runs")
    chaos.storm.quiet = True
    code = infer_archive.main(["--config", str(chaos.config)])
    chaos.told.expect(code == 0, f"one more run ended with {code}")
    states = set(newest_report("s3://storm/out")["totals"]["states"])
    chaos.told.expect(states <= {"unchanged", "still quarantined"}, f"one more run did {sorted(states)}")


def run_chaos(
    folder: Path,
    server: S3Server,
    checkpoint: Path,
    *,
    seed: int,
    scenes: int,
    nodes: int = 0,
    runs: int = 6,
    permille: int = 15,
) -> Told:
    """Run one storm over a server in which there is no bucket ``storm`` yet; return what was found."""
    with ExitStack() as stack:
        storm = stack.enter_context(run_storm_proxy(server.endpoint, seed, permille))
        token = {"STORM": str(folder), "OMP_NUM_THREADS": "1"}
        environment = {**server.environment, "AWS_ENDPOINT_URL": storm.endpoint, **token}
        stack.enter_context(patch.dict(os.environ, environment))
        ray = stack.enter_context(run_nodes(nodes, random.Random(f"nodes {seed}")))
        server.filesystem.mkdir("storm")
        archive = StormArchive(server.filesystem, "storm/scenes", folder, random.Random(f"scenes {seed}"))
        archive.fill(scenes)
        chaos = Chaos(_write_config(folder, checkpoint, nodes), archive, storm, ray)
        blow(chaos, script(seed, runs, scenes, nodes))
        chaos.told.wrong += find_wrong(folder, checkpoint, archive, chaos.config)
        chaos.told.acts += Counter({f"request {kind}": count for kind, count in storm.faults.items()})
    chaos.told.wrong += [f"a process was left: {line}" for line in left_behind(folder)]
    return chaos.told


def _write_config(folder: Path, checkpoint: Path, nodes: int) -> Path:
    engine: dict[str, object] = {"kind": "ray", "workers": nodes} if nodes else {"workers": 2}
    config = jobs.write_config(
        folder / "storm.yaml", "s3://storm/scenes", "s3://storm/out", checkpoint, **engine
    )
    tree = yaml.safe_load(config.read_text())
    config.write_text(
        yaml.safe_dump(tree | {"tiling": tree["tiling"] | _TASKS, "lease": {"seconds": LEASE_S}})
    )
    return config


def main(argv: Sequence[str] | None = None) -> int:
    """Run one storm and print what it did and what was wrong; return the exit code."""
    parser = argparse.ArgumentParser(prog="chaos", description=(__doc__ or "").partition("\n")[0])
    for name, default in (("seed", None), ("scenes", 60), ("nodes", 3), ("runs", 6), ("permille", 15)):
        parser.add_argument(f"--{name}", type=int, default=default, required=default is None)
    options = parser.parse_args(argv)
    start, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="chaos-"))
    checkpoint = jobs.save_tiny_checkpoint(folder / "tiny")
    (folder / "s3").mkdir()
    with run_s3_server(folder / "s3") as server:
        told = run_chaos(folder, server, checkpoint, **vars(options))
    acts = ", ".join(f"{what} {count}" for what, count in sorted(told.acts.items()))
    print(f"seed {options.seed}, {options.scenes} scenes, {options.nodes} nodes: {acts}")
    print(f"exit codes {told.codes}; objects put in the disturbed runs {told.puts}")
    print(f"{time.monotonic() - start:.0f} s; logs in {folder}")
    for line in told.wrong:
        print(f"WRONG: {line}")
    return 1 if told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
