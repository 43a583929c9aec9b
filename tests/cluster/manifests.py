"""Reading the manifests of cluster/kuberay: documents, their Ray clusters, pods and containers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "cluster" / "kuberay"
SCHEMA = Path(__file__).parent / "schemas" / "manifests.yaml"

Tree = dict[str, Any]
CONFIGS = "/etc/sgddiff-batch"
"""Where a container and a plain machine find the configs."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template and where it stands: "sgddiff/head", "sgddiff-infer/gpu", "sgddiff-infer/submitter"."""

    name: str
    template: Tree

    @property
    def spec(self) -> Tree:
        return self.template["spec"]

    @property
    def labels(self) -> dict[str, str]:
        return self.template["metadata"]["labels"]


def documents() -> list[Tree]:
    """All documents of all files."""
    return [doc for path in sorted(FOLDER.glob("*.yaml")) for doc in yaml.safe_load_all(path.read_text())]


def of_kind(*kinds: str) -> list[Tree]:
    return [doc for doc in documents() if doc["kind"] in kinds]


def only(kind: str) -> Tree:
    (found,) = of_kind(kind)
    return found


def job_specs() -> dict[str, Tree]:
    """What each RayJob and RayCronJob runs, by its name."""
    found = {doc["metadata"]["name"]: doc["spec"] for doc in of_kind("RayJob", "RayCronJob")}
    return {name: spec.get("jobTemplate", spec) for name, spec in found.items()}


def clusters() -> dict[str, Tree]:
    """The spec of each Ray cluster, by the name of its document."""
    standing = {doc["metadata"]["name"]: doc["spec"] for doc in of_kind("RayCluster")}
    return standing | {name: spec["rayClusterSpec"] for name, spec in job_specs().items()}


def pods() -> list[Pod]:
    """Every pod template."""
    found = []
    for name, spec in clusters().items():
        found.append(Pod(f"{name}/head", spec["headGroupSpec"]["template"]))
        found += [
            Pod(f"{name}/{group['groupName']}", group["template"]) for group in spec["workerGroupSpecs"]
        ]
    submitters = {name: spec["submitterPodTemplate"] for name, spec in job_specs().items()}
    return found + [Pod(f"{name}/submitter", template) for name, template in submitters.items()]


def ray_pods() -> list[Pod]:
    return [pod for pod in pods() if not pod.name.endswith("/submitter")]


def containers() -> Iterator[tuple[str, Tree]]:
    """Every container, with its place."""
    for pod in pods():
        for container in pod.spec["containers"]:
            yield f"{pod.name}/{container['name']}", container


def configs() -> dict[str, str]:
    """The configs of the ConfigMap, by file name."""
    return only("ConfigMap")["data"]


def quantity(text: str) -> float:
    """A quantity of Kubernetes in cores or bytes: "500m", "4", "16Gi"."""
    for suffix, factor in (("Gi", 2.0**30), ("Mi", 2.0**20), ("m", 1e-3)):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)
