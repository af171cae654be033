"""The Helm chart, rendered by Helm's own library and validated against Kubernetes' schemas."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from sayit.chassis.settings import describe, every_process

from .helper import DEPLOY

helm = pytest.importorskip("helm_python", reason="no Helm library here (requirements/deployment.txt)")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="no Kubernetes schemas here")
CHART = DEPLOY / "helm" / "sayit"
#: Everything that can be switched on.
FULL = {
    "scheduler": {"replicas": 2, "storageUrl": "s3://bucket/sayit"},
    "transcribers": [
        {
            "model": "small",
            "replicas": 2,
            "threads": 2,
            "resources": {},
            "autoscaling": {"enabled": True, "min": 0, "max": 4, "audioSecondsEach": 60},
        },
        {"model": "large-v3", "replicas": 1, "threads": 4, "resources": {}},
    ],
    "networkPolicy": {"from": [{"namespaceSelector": {}}], "metricsFrom": [{"namespaceSelector": {}}]},
}


def _rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="demo", namespace="prod").values()
    return [document for text in files for document in yaml.safe_load_all(text) if document]


@pytest.mark.parametrize("values", [{}, FULL], ids=["default", "full"])
def test_it_renders_to_what_kubernetes_accepts(values: dict[str, Any]) -> None:
    """Strictly: no field that does not exist. Pods are confined, and every one can be asked for its health."""
    assert helm.lint(str(CHART))["errors"] == []
    documents = _rendered(values)
    for document in documents:
        if not document["apiVersion"].startswith("keda.sh"):  # whose schema is not among Kubernetes' own
            kubernetes_validate.validate(document, "1.30", strict=True)
    workloads = [each for each in documents if each["kind"] in {"Deployment", "StatefulSet"}]
    assert len(workloads) == 4 if not values else 5
    for workload in workloads:
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {"startupProbe", "readinessProbe"} <= container.keys()
        settings = describe(every_process()[container["name"]])
        known = {one.name for one in settings} | {f"{one.name}_FILE" for one in settings if one.secret}
        assert {one["name"] for one in container["env"]} <= known | {"OMP_NUM_THREADS"}
        selected = workload["spec"]["selector"]["matchLabels"].items()
        assert selected <= workload["spec"]["template"]["metadata"]["labels"].items()


def test_transcribers_are_scaled_by_the_backlog() -> None:
    """KEDA sets their number, so the Deployment does not; the metric is one that the scheduler has."""
    documents = {(each["kind"], each["metadata"]["name"]): each for each in _rendered(FULL)}
    scaled = documents["ScaledObject", "demo-transcriber-small"]
    assert scaled["spec"]["scaleTargetRef"]["name"] == "demo-transcriber-small"
    assert "replicas" not in documents["Deployment", "demo-transcriber-small"]["spec"]
    assert 'sayit_backlog_audio_seconds{model="small"}' in scaled["spec"]["triggers"][0]["metadata"]["query"]
    assert documents["Deployment", "demo-transcriber-large-v3"]["spec"]["replicas"] == 1


@pytest.mark.parametrize("values", [{"secret": ""}, {"scheduler": {"replicas": 2}}, {"typo": 1}])
def test_wrong_values_are_refused(values: dict[str, Any]) -> None:
    """By the schema, or because several schedulers cannot share a volume."""
    with pytest.raises(helm.HelmError):
        _rendered(values)


def test_the_network_lets_in_only_who_calls() -> None:
    """The scheduler only our own pods, transcribers only Prometheus."""
    policies = {one["metadata"]["name"]: one["spec"] for one in _rendered({}) if one["kind"] == "NetworkPolicy"}
    assert "from" in policies["demo-scheduler"]["ingress"][0]
    assert [rule["ports"] for rule in policies["demo-transcriber-small"]["ingress"]] == [[{"port": 9100}]]
