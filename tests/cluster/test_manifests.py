"""What the manifests say fits together, and fits the jobs, the image and Ray."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.network import ACTIVATION_BYTES_PER_PX
from sgddiff_batch.core import budget
from sgddiff_batch.engine.ray_cluster import fitting_workers
from tests.cluster import manifests
from tests.cluster.commands import LOADERS, config_of, job_of
from tests.cluster.manifests import Pod, quantity

RAY_BYTES = 1.5e9
"""What Ray's own processes take on a node besides the object store: raylet, agents."""

JOB_SPECS, CLUSTERS = manifests.job_specs(), manifests.clusters()
PODS = {pod.name: pod for pod in manifests.pods()}
RAY_PODS = {pod.name: pod for pod in manifests.ray_pods()}
CONTAINERS = dict(manifests.containers())
GROUPS = {
    f"{name}/{group['groupName']}": group
    for name, spec in CLUSTERS.items()
    for group in spec["workerGroupSpecs"]
}


@pytest.mark.parametrize("name", CLUSTERS)
def test_token_authentication_is_on_with_a_token_from_a_secret(name: str) -> None:
    assert CLUSTERS[name]["authOptions"] == {"mode": "token", "secretName": "sgddiff-ray-token"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_sets_what_the_operator_sets(name: str) -> None:
    names = {variable["name"] for variable in CONTAINERS[name].get("env", [])}
    assert names.isdisjoint({"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS", "RAY_enable_autoscaler_v2"})


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_dashboard_is_reachable_inside_of_the_cluster_alone(name: str) -> None:
    head = CLUSTERS[name]["headGroupSpec"]
    assert head["serviceType"] == "ClusterIP"
    assert head["enableIngress"] is False


def test_the_network_policy_holds_for_every_ray_pod_and_lets_the_submitters_in() -> None:
    policy = manifests.only("NetworkPolicy")["spec"]
    # KubeRay adds this label itself.
    ray = {"ray.io/is-ray-node": "yes"}
    wanted = policy["podSelector"]["matchLabels"]
    assert [pod.name for pod in RAY_PODS.values() if not wanted.items() <= (pod.labels | ray).items()] == []
    rules = [source for rule in policy["ingress"] for source in rule["from"]]
    allowed = [source["podSelector"]["matchLabels"] for source in rules if "namespaceSelector" not in source]
    for pod in PODS.values():
        labels = pod.labels if pod.name.endswith("/submitter") else pod.labels | ray
        assert any(selector.items() <= labels.items() for selector in allowed), pod.name


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_has_limits_that_are_its_requests(name: str) -> None:
    resources = CONTAINERS[name]["resources"]
    assert resources["requests"] == resources["limits"]


@pytest.mark.parametrize("name", PODS)
def test_no_pod_runs_as_root_or_can_become_it(name: str) -> None:
    spec = PODS[name].spec
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == _image_user()
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }


def _image_user() -> int:
    text = (manifests.ROOT / "cluster" / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\d+):\1$", text, re.MULTILINE)
    return int(user)


def test_only_heads_may_ask_kubernetes() -> None:
    assert manifests.only("ServiceAccount")["automountServiceAccountToken"] is False
    asking = [name for name, pod in PODS.items() if pod.spec.get("automountServiceAccountToken")]
    assert sorted(asking) == sorted(f"{name}/head" for name in CLUSTERS)


@pytest.mark.parametrize("name", PODS)
def test_what_a_pod_refers_to_is_there(name: str) -> None:
    spec = PODS[name].spec
    assert spec["serviceAccountName"] == manifests.only("ServiceAccount")["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
    assert maps <= {manifests.only("ConfigMap")["metadata"]["name"]}
    mounted = {
        mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])
    }
    assert mounted == set(volumes)


def test_no_manifest_holds_a_secret() -> None:
    assert manifests.of_kind("Secret") == []
    secretive = re.compile(r"token|secret|password|key", re.IGNORECASE)
    values = [
        (place, variable["name"])
        for place, container in CONTAINERS.items()
        for variable in container.get("env", [])
        if secretive.search(variable["name"]) and "value" in variable
    ]
    assert values == []
    for path in manifests.FOLDER.glob("*.yaml"):
        text = path.read_text()
        assert not re.search(r"\bAKIA[0-9A-Z]{16}\b|BEGIN [A-Z ]*PRIVATE KEY|://[^/\s]+:[^/\s]+@", text), path


def test_the_secrets_that_are_needed_are_those_that_the_runbook_makes() -> None:
    needed = {spec["authOptions"]["secretName"] for spec in CLUSTERS.values()}
    sources = [source for container in CONTAINERS.values() for source in container.get("envFrom", [])]
    needed |= {source["secretRef"]["name"] for source in sources}
    runbook = (manifests.ROOT / "cluster" / "RUNBOOK.md").read_text()
    made = set(re.findall(r"kubectl create secret generic (\S+)", runbook))
    assert needed == made


@pytest.mark.parametrize("name", RAY_PODS)
def test_every_node_has_the_rights_to_the_store_and_sees_the_configs(name: str) -> None:
    (container,) = RAY_PODS[name].spec["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "sgddiff-s3", "optional": True}}]
    places = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert places[manifests.CONFIGS]["readOnly"] is True


@pytest.mark.parametrize("name", GROUPS)
def test_worker_groups_scale_from_nothing(name: str) -> None:
    group = GROUPS[name]
    assert (group["replicas"], group["minReplicas"]) == (0, 0)
    assert group["maxReplicas"] > 0


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_scales_and_has_a_group_of_each_kind(name: str) -> None:
    spec = CLUSTERS[name]
    assert spec["enableInTreeAutoscaling"] is True
    assert {group["groupName"] for group in spec["workerGroupSpecs"]} == {"cpu", "gpu"}
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    # The operator refuses any other under autoscaler v2, which Ray has had as its default since 2.47.
    assert all("restartPolicy" not in pod.spec for pod in RAY_PODS.values())


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_asks_for_a_gpu_just_if_it_is_one_of_gpus(name: str) -> None:
    spec = GROUPS[name]["template"]["spec"]
    (container,) = spec["containers"]
    is_gpu = name.endswith("/gpu")
    assert (container["resources"]["limits"].get("nvidia.com/gpu") == "1") is is_gpu
    assert any(each["key"] == "nvidia.com/gpu" for each in spec.get("tolerations", [])) is is_gpu
    assert container["image"].endswith("-gpu" if is_gpu else "-cpu")


def test_all_images_are_of_one_repository_and_version() -> None:
    images = {container["image"].rpartition("-")[0] for container in CONTAINERS.values()}
    version = re.search(r'^version = "(.+)"$', (manifests.ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert images == {f"registry.example.com/sgddiff-batch:{version[1]}"}


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_version_of_ray_is_the_one_that_is_installed(name: str) -> None:
    constraints = (manifests.ROOT / "constraints-py311.txt").read_text().splitlines()
    assert f"ray=={CLUSTERS[name]['rayVersion']}" in constraints


def test_jobs_run_on_the_cluster_of_the_standing_one() -> None:
    first, *others = CLUSTERS.values()
    assert len(others) == 3
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", CLUSTERS)
def test_parameters_of_ray_start_are_known_to_it(name: str) -> None:
    from ray.scripts.scripts import start

    known = {option.removeprefix("--") for parameter in start.params for option in parameter.opts}
    spec = CLUSTERS[name]
    given = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    assert {key for group in given for key in group["rayStartParams"]} <= known


@pytest.mark.parametrize("name", JOB_SPECS)
def test_a_command_is_a_job_with_options_of_its_own(name: str) -> None:
    verb, options = job_of(JOB_SPECS[name]["entrypoint"])
    assert verb == ("train" if name == "sgddiff-train" else "run")
    assert Path(options.config).name in manifests.configs()


def test_a_command_with_an_option_that_the_job_lacks_is_found() -> None:
    with pytest.raises(SystemExit):
        job_of("sgddiff run --config a.yaml --resume")


@pytest.mark.parametrize("name", JOB_SPECS)
def test_a_config_loads_as_the_job_loads_it_and_names_what_all_nodes_see(name: str, tmp_path: Path) -> None:
    config = config_of(JOB_SPECS[name]["entrypoint"], manifests.configs(), tmp_path)
    assert config.engine.kind == "ray"
    tree = yaml.safe_load(config.model_dump_json())
    assert [uri for uri in _uris(tree) if not uri.startswith("s3://")] == []


def _uris(tree: Any) -> list[str]:
    if isinstance(tree, list):
        return [uri for item in tree for uri in _uris(item)]
    if not isinstance(tree, dict):
        return []
    own = [value for key, value in tree.items() if key in ("uri", "storage") and value]
    return own + [uri for value in tree.values() for uri in _uris(value)]


@pytest.mark.parametrize("name", JOB_SPECS)
def test_a_driver_on_a_head_without_a_gpu_is_told_the_device(name: str, tmp_path: Path) -> None:
    config = config_of(JOB_SPECS[name]["entrypoint"], manifests.configs(), tmp_path)
    section = config.engine if name == "sgddiff-train" else config.model
    assert section.device in ("cpu", "cuda")


def test_the_cache_of_the_training_is_on_a_volume_of_its_own(tmp_path: Path) -> None:
    config = config_of(JOB_SPECS["sgddiff-train"]["entrypoint"], manifests.configs(), tmp_path)
    mounts = [m for p in RAY_PODS.values() for c in p.spec["containers"] for m in c["volumeMounts"]]
    assert "/cache" in {mount["mountPath"] for mount in mounts}
    assert config.data.cache.startswith("/cache/")


@pytest.mark.parametrize("name", [name for name in JOB_SPECS if name != "sgddiff-train"])
def test_a_pod_has_the_memory_for_a_worker_on_each_of_its_devices(name: str, tmp_path: Path) -> None:
    config = config_of(JOB_SPECS[name]["entrypoint"], manifests.configs(), tmp_path)
    for kind, gpus in (("cpu", 0.0), ("gpu", 1.0)):
        network_bytes = (
            0 if gpus else config.tiling.tile_px**2 * ACTIVATION_BYTES_PER_PX[config.model.backend]
        )
        need = budget.worker_bytes(config.tiling.task_memory_bytes, network_bytes)
        node, workers = _node(RAY_PODS[f"{name}/{kind}"])
        taken = RAY_BYTES + float(GROUPS[f"{name}/{kind}"]["rayStartParams"]["object-store-memory"])
        free = {**node, "memory": node["memory"] - taken}
        assert fitting_workers([free], gpus, need) == workers, (kind, need)


def _node(pod: Pod) -> tuple[dict[str, float], int]:
    """A pod's resources by Ray's names, and how many workers it is for: one a GPU, or else one a CPU."""
    limits = pod.spec["containers"][0]["resources"]["limits"]
    names = {"CPU": "cpu", "memory": "memory", "GPU": "nvidia.com/gpu"}
    node = {ray: quantity(limits[key]) for ray, key in names.items() if key in limits}
    return node, int(node.get("GPU", node["CPU"]))


def test_training_finds_room_for_its_workers(tmp_path: Path) -> None:
    config = config_of(JOB_SPECS["sgddiff-train"]["entrypoint"], manifests.configs(), tmp_path)
    group = GROUPS["sgddiff-train/gpu"]
    node, gpus = _node(RAY_PODS["sgddiff-train/gpu"])
    assert config.engine.workers <= group["maxReplicas"] * gpus
    assert config.engine.threads <= node["CPU"]


def test_a_night_ends_before_the_next_and_is_not_tried_twice() -> None:
    night = manifests.only("RayCronJob")["spec"]
    minute, hour, *days = night["schedule"].split()
    assert (minute.isdigit(), hour.isdigit(), days) == (True, True, ["*", "*", "*"])
    template = night["jobTemplate"]
    assert template["activeDeadlineSeconds"] < 24 * 3600
    assert template["backoffLimit"] == 0
    assert template["shutdownAfterJobFinishes"] is True


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_stop_of_a_job_is_ctrl_c_to_its_driver(name: str) -> None:
    (head,) = CLUSTERS[name]["headGroupSpec"]["template"]["spec"]["containers"]
    values = {variable["name"]: variable["value"] for variable in head["env"]}
    assert values["RAY_JOB_STOP_SIGNAL"] == "SIGINT"
    assert int(values["RAY_JOB_STOP_WAIT_TIME_S"]) >= 60


def test_every_job_is_one_that_is_known() -> None:
    assert {job_of(spec["entrypoint"])[0] for spec in JOB_SPECS.values()} == set(LOADERS)
