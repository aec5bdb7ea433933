"""One `up` an installation; what it started ends with it, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.ui.processes import Address, UpError, check_address, only_one
from usage_pipeline.warehouse.embedded import running_embedded
from usage_pipeline_tests.conftest import server_home

# Starts a child of its own that will not listen to anybody, as a run of Dagster might.
STUBBORN = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
PARENT = """
import os, subprocess, sys, time
ours, theirs = os.pipe()[::-1]
attended = subprocess.Popen([sys.executable, "-m", "usage_pipeline.ui.attend", str(theirs), sys.executable, "-c",
                             sys.argv[1]], pass_fds=(theirs,), start_new_session=True)
os.close(theirs)
print(attended.pid, flush=True)
time.sleep(600)
"""


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for_end(*pids: int, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        assert time.monotonic() < until, f"{[pid for pid in pids if lives(pid)]} still run"
        time.sleep(0.1)


@pytest.mark.skipif(os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="starts a server and a UI")
def test_a_service_that_is_ended_while_it_starts_ends_well_and_leaves_no_server() -> None:
    with server_home() as home:
        (home / "c.yaml").write_text("version: 1\n", encoding="utf-8")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("USAGE_", "DAGSTER_", "WAREHOUSE_"))}
        environment = kept | {"USAGE_PIPELINE_HOME": str(home), "USAGE_PIPELINE_CONFIG": str(home / "c.yaml")}
        words = [sys.executable, "-m", "usage_pipeline", "up", "--stop-server", "--port", str(free_port())]
        with subprocess.Popen(words, env=environment, start_new_session=True) as up:
            until = time.monotonic() + 60
            while running_embedded(home) is None:
                assert time.monotonic() < until
                time.sleep(0.1)
            up.send_signal(signal.SIGTERM)
            assert up.wait(timeout=60) == 0
        assert running_embedded(home) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_started_ends_when_the_one_who_asked_is_killed(number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, STUBBORN], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    attended, grandchild = int(parent.stdout.readline()), int(parent.stdout.readline())
    assert lives(attended)
    assert lives(grandchild)
    parent.send_signal(number)
    parent.wait(timeout=30)
    parent.stdout.close()
    wait_for_end(attended, grandchild)


def test_a_second_up_names_the_one_that_runs(tmp_path: Path) -> None:
    address = Address("127.0.0.1", 3000)
    with only_one(tmp_path, address), pytest.raises(UpError) as refused, only_one(tmp_path, address):
        raise AssertionError("two at once")
    assert f"process {os.getpid()}" in str(refused.value)
    assert "http://127.0.0.1:3000" in str(refused.value)
    with only_one(tmp_path, address):
        assert json.loads((tmp_path / "up.lock").read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_the_next_up_waits_for_what_a_killed_one_left_behind(tmp_path: Path) -> None:
    code = ("import os, sys, time\nfrom pathlib import Path\nfrom usage_pipeline.ui.processes import *\n"
            "import subprocess\n"
            "with only_one(Path(sys.argv[1]), Address('127.0.0.1', 3000)) as lock:\n"
            "    left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'], pass_fds=(lock,))\n"
            "    print('started', flush=True)\n    time.sleep(600)\n")  # fmt: skip
    killed = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "started\n"
    killed.kill()
    killed.wait(timeout=30)
    killed.stdout.close()
    with only_one(tmp_path, Address("127.0.0.1", 3001)):
        assert json.loads((tmp_path / "up.lock").read_text(encoding="utf-8"))["pid"] == os.getpid()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com", ""])  # noqa: S104
def test_the_ui_is_not_opened_beyond_this_machine_without_a_proxy(host: str) -> None:
    with pytest.raises(UpError, match="--behind-proxy"):
        check_address(Address(host, free_port()), behind_proxy=False)


def test_a_proxy_needs_the_name_that_people_use() -> None:
    with pytest.raises(UpError, match="--allow-host"):
        check_address(Address("127.0.0.1", free_port()), behind_proxy=True)
    check_address(Address("127.0.0.1", free_port(), ("dagster.example.com",)), behind_proxy=True)


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UpError, match="choose another with --port"):
            check_address(Address("127.0.0.1", taken.getsockname()[1]), behind_proxy=False)
