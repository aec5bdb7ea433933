"""What the image starts, without a container engine: a user without rights, a root that cannot be written."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.ui.running import answers

SCRIPT = Path(__file__).with_name("as_image.sh")
ANYWHERE = "0.0.0.0"  # noqa: S104  (as the image listens; the mount namespace is gone with the test)
# On an idle machine.
HEALTHY_WITHIN_S, STOPS_WITHIN_S = 20, 10


def can_be_played() -> bool:
    """Whether this account may make a mount namespace, as CI's may."""
    tools = all(shutil.which(tool) for tool in ("unshare", "setpriv", "chroot"))
    return tools and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.skipif(
        os.environ.get("USAGE_PIPELINE_HYPOTHESIS") != "nightly", reason="takes half a minute and an idle machine"
    ),
    pytest.mark.skipif(not can_be_played(), reason="mount namespaces are not allowed here"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A place that other accounts may look into."""
    place = Path("/var/tmp") / f"usage-pipeline-image-{os.getpid()}"  # noqa: S108  (a name of our own)
    place.mkdir(mode=0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def environment(folder: Path) -> Path:
    """A virtual environment with the wheel; what that needs is this one's."""
    env = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=project_dir(),
                   check=True, capture_output=True)  # fmt: skip
    packages = next((env / "lib").iterdir()) / "site-packages"
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(packages)
    return env


def processes_of_the_image() -> list[Path]:
    """What runs as the image's user."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError):
            found += [path] if path.stat().st_uid == 10001 else []
    return found


def test_it_is_healthy_soon_and_ends_soon_and_leaves_nothing_running(folder: Path, environment: Path) -> None:
    port, root = free_port(), folder / "root"
    root.mkdir()
    words = [
        "up",
        "--host",
        ANYWHERE,
        "--behind-proxy",
        "--allow-host",
        "localhost",
        "--stop-server",
        "--port",
        str(port),
    ]
    command = ["unshare", "--mount", "bash", str(SCRIPT), str(root), str(environment), sys.base_prefix, *words]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as up:
        while not answers(f"http://127.0.0.1:{port}/server_info"):
            assert up.poll() is None, up.stdout and up.stdout.read()
            assert time.monotonic() - began < 120
            time.sleep(0.2)
        healthy = time.monotonic() - began
        owners = {Path(f"/proc/{up.pid}").stat().st_uid}
        asked = time.monotonic()
        up.send_signal(signal.SIGTERM)
        assert up.wait(timeout=60) == 0
        stopped = time.monotonic() - asked
    assert owners == {10001}
    until = time.monotonic() + 20
    while left := processes_of_the_image():
        assert time.monotonic() < until, left
        time.sleep(0.2)
    if os.getloadavg()[0] < (os.cpu_count() or 1):  # others' work says nothing of ours
        assert healthy < HEALTHY_WITHIN_S
        assert stopped < STOPS_WITHIN_S
