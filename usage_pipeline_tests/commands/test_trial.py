"""`alerts test`: a marked message goes through the real pipeline, and the channel's answer is what decides."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.test_outbox import CONFIG
from usage_pipeline_tests.support.channels import robot, wecom_answer
from usage_pipeline_tests.support.typed import typed


def send(warehouse_url: str, folder: Path, robot_url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, against a robot."""
    (folder / "c.yaml").write_text(CONFIG, encoding="utf-8")
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url, "USAGE_PIPELINE_CONFIG": str(folder / "c.yaml"),
                   "WECOM_OPS_URL": robot_url}  # fmt: skip
    return typed("alerts", "test", *words, environment=environment)


@pytest.mark.parametrize(("code", "accepted", "outcome"), [(0, True, "accepted"), (93000, False, "permanent")])
def test_the_channels_answer_decides(
    code: int, accepted: bool, outcome: str, warehouse_url: str, warehouse: Connection, tmp_path: Path
) -> None:
    with robot(wecom_answer(code)) as server:
        done = send(warehouse_url, tmp_path, server.url, "ops", "--level", "critical", "--json")
        again = send(warehouse_url, tmp_path, server.url, "ops")
    assert (done.returncode, again.returncode) == ((0, 0) if accepted else (1, 1)), done.stderr
    document = json.loads(done.stdout)
    assert document["accepted"] is accepted
    assert [(a["recipient"], a["outcome"]) for a in document["attempts"]] == [("ops", outcome)]
    assert len(server.taken) == 2, "each test is a message of its own"
    assert "TEST" in json.loads(server.taken[0][1])["markdown"]["content"]
    assert warehouse.execute("SELECT kind, count(*) FROM usage.alert GROUP BY kind").fetchall() == [("test", 2)]
    assert "s3cr3t-robot-key" not in done.stdout + done.stderr + again.stdout + again.stderr


def test_a_recipient_that_is_not_there_is_a_mistake(warehouse_url: str, warehouse: Connection, tmp_path: Path) -> None:
    done = send(warehouse_url, tmp_path, "http://127.0.0.1:1/", "nobody")
    assert done.returncode == 2
    assert "itsm, more, ops" in done.stderr
    assert warehouse.execute("SELECT count(*) FROM usage.alert").fetchone() == (0,)
