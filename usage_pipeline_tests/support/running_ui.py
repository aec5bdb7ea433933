"""Asks a running Dagster UI over GraphQL: puts runs into its queue, and waits for their end."""

import json
import subprocess
import time
import urllib.request
from typing import Any


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Waits for a Dagster UI that a process serves; fails when that ends first."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, "`up` ended by itself"
        try:
            urllib.request.urlopen(f"{url}/server_info", timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError("the UI did not come up")


def asked(ui: str, query: str, **variables: object) -> dict[str, Any]:
    """What the UI's GraphQL answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{ui}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())["data"]
    return found


def ask_for(ui: str, job: str, tags: dict[str, str]) -> str:
    """Puts a run of a job into the queue, as a schedule does; returns its id."""
    launch = """mutation ($params: ExecutionParams!) {launchRun(executionParams: $params) {
        __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
    selector = {"repositoryLocationName": "usage_pipeline", "repositoryName": "__repository__", "jobName": job}
    given = [{"key": key, "value": value} for key, value in tags.items()]
    params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": given}}
    found = asked(ui, launch, params=params)["launchRun"]
    assert found["__typename"] == "LaunchRunSuccess", found
    return str(found["run"]["runId"])


def ended(ui: str, run: str) -> str:
    """How a run ended; waits for that."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        status = str(_run(ui, run)["status"])
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        time.sleep(0.5)
    raise AssertionError(f"run {run} has not ended")


def seconds_of(ui: str, run: str) -> float:
    """How long a run took, from its start to its end."""
    found = _run(ui, run)
    return float(found["endTime"]) - float(found["startTime"])


def _run(ui: str, run: str) -> dict[str, Any]:
    query = "query ($run: ID!) {runOrError(runId: $run) {... on Run {status startTime endTime}}}"
    found: dict[str, Any] = asked(ui, query, run=run)["runOrError"]
    return found
