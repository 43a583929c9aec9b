"""systemd units and the cron line: programs, options and configs exist, and what they promise is set."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.exits import Exit
from tests.cluster import units
from tests.cluster.commands import CHECKOUT, config_of, job_of
from tests.cluster.manifests import CONFIGS, ROOT
from tests.cluster.units import read_unit

HEAD, WORKER, NIGHTLY, TIMER = (
    "sgddiff-ray-head.service",
    "sgddiff-ray-worker.service",
    "sgddiff-nightly.service",
    "sgddiff-nightly.timer",
)
SERVICES = [HEAD, WORKER, NIGHTLY]
MORE_MACHINES = units.env_file(units.SYSTEMD / "ray.env")


def values_of(name: str) -> dict[str, str]:
    return MORE_MACHINES | units.environment(read_unit(name))


def ray_options(*path: str) -> set[str]:
    """The options that a command of ray has, by its own parser."""
    from ray.scripts.scripts import cli

    command = cli
    for name in path:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


def test_the_units_are_those_of_a_head_workers_and_the_night() -> None:
    assert sorted([HEAD, WORKER, NIGHTLY, TIMER]) == units.UNITS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_program_of_the_checkout_as_a_user_of_its_own(name: str) -> None:
    service = read_unit(name)["Service"]
    program = units.command(read_unit(name), values_of(name))[0]
    assert program in (f"{CHECKOUT}/.venv/bin/ray", f"{CHECKOUT}/.venv/bin/sgddiff")
    assert (Path(sys.executable).parent / Path(program).name).exists()
    assert service["WorkingDirectory"] == [CHECKOUT]
    assert service["User"] == ["sgddiff"]
    assert service["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("name", [HEAD, WORKER])
def test_ray_knows_the_options_of_a_node(name: str) -> None:
    words = units.command(read_unit(name), values_of(name))
    assert words[1] == "start"
    assert set(units.options_of(words)) <= ray_options("start")
    assert "--block" in words


@pytest.mark.parametrize("name", SERVICES)
def test_token_authentication_is_on_with_a_token_from_a_file(name: str) -> None:
    values = units.environment(read_unit(name))
    assert values["RAY_AUTH_MODE"] == "token"
    assert values["RAY_AUTH_TOKEN_PATH"] == f"{CONFIGS}/ray-token"
    assert "RAY_AUTH_TOKEN" not in values
    assert values["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_head_alone_is_bound_to_the_loopback() -> None:
    values = units.environment(read_unit(HEAD))
    words = units.command(read_unit(HEAD), values)
    assert values["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert {"--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"} <= set(words)


def test_the_file_for_more_machines_overrides_what_binds_to_the_loopback() -> None:
    head = units.environment(read_unit(HEAD))
    assert set(MORE_MACHINES) == {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_ADDRESS", "NODE_IP"}
    assert MORE_MACHINES["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "1"
    assert head["NODE_IP"] == "127.0.0.1"
    port = re.search(r"--port=(\d+)", " ".join(units.command(read_unit(HEAD), head)))
    assert port is not None
    for address in (MORE_MACHINES["RAY_ADDRESS"], units.environment(read_unit(NIGHTLY))["RAY_ADDRESS"]):
        assert address.endswith(f":{port[1]}")
    assert f"{CONFIGS}/ray.env" in read_unit(WORKER)["Service"]["EnvironmentFile"]
    for name in (HEAD, NIGHTLY):
        assert f"-{CONFIGS}/ray.env" in read_unit(name)["Service"]["EnvironmentFile"]


def test_a_stop_reaches_the_driver_as_ctrl_c_and_leaves_it_time() -> None:
    head, night = read_unit(HEAD), read_unit(NIGHTLY)["Service"]
    assert units.environment(head)["RAY_JOB_STOP_SIGNAL"] == "SIGINT"
    wait_s = int(units.environment(head)["RAY_JOB_STOP_WAIT_TIME_S"])
    assert int(head["Service"]["TimeoutStopSec"][0]) > wait_s
    assert (night["KillMode"], night["KillSignal"]) == (["mixed"], ["SIGINT"])
    assert int(night["TimeoutStopSec"][0]) > wait_s


def test_exit_codes_are_taken_for_what_they_are() -> None:

    night = read_unit(NIGHTLY)["Service"]
    fine = {int(code) for code in night["SuccessExitStatus"][0].split()}
    assert fine == {Exit.QUARANTINED, Exit.HELD}
    assert night["RestartPreventExitStatus"] == [str(Exit.WRONG)]
    assert (night["Type"], night["Restart"]) == (["oneshot"], ["on-failure"])
    assert int(read_unit(NIGHTLY)["Unit"]["StartLimitBurst"][0]) <= 3


def test_the_timer_starts_the_night_and_makes_up_for_one_that_was_missed() -> None:
    timer = read_unit(TIMER)["Timer"]
    assert TIMER.removesuffix(".timer") == NIGHTLY.removesuffix(".service")
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", timer["OnCalendar"][0])
    assert timer["Persistent"] == ["true"]


def test_the_night_of_systemd_is_a_job_with_a_config_that_loads(tmp_path: Path) -> None:
    line = " ".join(units.command(read_unit(NIGHTLY), values_of(NIGHTLY)))
    config = config_of(line, {"archive.yaml": (units.SYSTEMD / "archive.yaml").read_text()}, tmp_path)
    assert config.engine.kind == "ray"


def test_the_cron_line_submits_the_same_job(tmp_path: Path) -> None:
    variables, (line,) = units.cron_lines()
    *when, user, command = line.split(None, 6)
    assert len(when) == 5
    assert user == "sgddiff"
    assert "%" not in line, "cron takes it for a line break"
    words = shlex.split(command)
    at = words.index("submit")
    assert words[at - 2 : at] == ["ray", "job"]
    assert set(units.options_of(words[at:])) <= ray_options("job", "submit")
    assert words[:3] == ["cd", CHECKOUT, "&&"]
    night = units.command(read_unit(NIGHTLY), values_of(NIGHTLY))
    assert job_of(command) == job_of(" ".join(night))
    assert (variables["RAY_AUTH_MODE"], variables["RAY_AUTH_TOKEN_PATH"]) == ("token", f"{CONFIGS}/ray-token")
    assert variables["RAY_API_SERVER_ADDRESS"] == "http://127.0.0.1:8265"
    assert "flock" not in line


def test_nobody_who_reads_the_files_learns_a_secret() -> None:
    for path in [*units.SYSTEMD.iterdir(), units.CRON]:
        assert not re.search(r"(?i)(secret\w*|password|_key|_token)=\S", path.read_text()), path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units_as_they_are(tmp_path: Path) -> None:
    """The checkout is this one, and the user the one who runs the test: neither is on this machine else."""
    for name in units.UNITS:
        text = (
            (units.SYSTEMD / name)
            .read_text()
            .replace(f"{CHECKOUT}/.venv/bin", str(Path(sys.executable).parent))
        )
        (tmp_path / name).write_text(text.replace(CHECKOUT, str(ROOT)).replace("=sgddiff\n", "=root\n"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units.UNITS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    own = [line for line in checked.stderr.splitlines() if "sgddiff" in line]
    assert own == []
    assert checked.returncode == 0, checked.stderr
