"""Dashboards and alerts: every metric that they name exists in a suite that runs, and the alerts do what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.helper import RunningSuite, eventually

from .helper import DEPLOY, ROOT

DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
#: What Prometheus itself adds, or its client, the latter on Linux only.
_NOT_OURS = re.compile(r"process_\w+|up")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def _queries() -> Iterator[tuple[str, str]]:
    """(Where, PromQL) of every panel, variable and alert."""
    for path in DASHBOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            yield from ((f"{path.name}: {panel['title']}", target["expr"]) for target in panel["targets"])
        yield from ((path.name, one["query"]) for one in board["templating"]["list"] if one["type"] == "query")
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    yield from ((rule["alert"], rule["expr"]) for group in rules["groups"] for rule in group["rules"])


def _served(suite: RunningSuite) -> dict[str, set[str]]:
    """Every metric that a part of the suite has, and the labels that it has had so far."""
    found: dict[str, set[str]] = {}
    for address in suite.ready["metrics"].values():
        with urllib.request.urlopen(f"http://{address}/metrics") as page:
            for family in text_string_to_metric_families(page.read().decode()):
                for suffix in _SUFFIXES.get(family.type, ()):
                    labels = {label for sample in family.samples for label in sample.labels}
                    found.setdefault(family.name + suffix, set()).update(labels)
    return found


def test_dashboards_and_alerts_name_metrics_that_exist(suite: RunningSuite) -> None:
    """A metric that was renamed leaves no empty panel behind, nor an alert that never fires."""
    eventually(lambda: "model" in _served(suite)["sayit_transcribers_online"])
    served = _served(suite)
    assert len(DASHBOARDS) == 4
    for where, query in _queries():
        names = set(re.findall(r"\b(?:sayit|process)_\w+|\bup\b", query))
        assert names, where
        missing = {name for name in names - served.keys() if not _NOT_OURS.fullmatch(name)}
        assert not missing, where


def test_names_follow_the_conventions(suite: RunningSuite) -> None:
    """Base units, no unit in the middle, no label that grows with use."""
    for name, labels in _served(suite).items():
        if name.startswith("sayit_"):
            assert not re.search(r"_(ms|milliseconds|megabytes|mb|minutes|hours)(_|$)", name)
            assert not labels & {"job_id", "tenant", "key_id", "path", "id"}


@pytest.mark.parametrize(
    "command",
    [
        "promtool check config prometheus.yml",
        "promtool test rules alerts_test.yml",
        "amtool check-config alertmanager.yml",
    ],
)
def test_prometheus_and_alertmanager_accept_their_files(command: str) -> None:
    """The rules fire for what is broken, and are silent for a sound suite and an idle one."""
    program, *arguments = command.split()
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    folder = DEPLOY / "prometheus"
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_queries_of_logs_name_events_that_exist() -> None:
    """What docs/operations.md looks for in Loki is written by some process."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8").split("## Logs in Loki")[1].split("\n## ")[0]
    names = {name for found in re.findall(r'event=~?"([^"]+)"', text) for name in found.split("\\|")}
    code = "".join(path.read_text("utf-8") for root in ROOT.glob("*/*/sayit") for path in root.rglob("*.py"))
    assert len(names) > 20
    assert not {name for name in names if f'"{name}"' not in code}


def test_every_alert_names_a_chapter_that_exists() -> None:
    """Its runbook is a heading of docs/operations.md."""
    headings = re.findall(r"^##+ (.+)$", (DEPLOY.parent / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]
