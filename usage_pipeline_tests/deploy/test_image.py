"""What the image starts, without a container engine: a user without rights, a root that cannot be written."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.ui.running import answers
from usage_pipeline_tests.deploy.test_files import instructions as read_instructions

SCRIPT = Path(__file__).with_name("as_image.sh")
ANYWHERE = "0.0.0.0"  # noqa: S104  (as the image listens; the mount namespace is gone with the test)
COMPILERS = {"cc", "c++", "gcc", "g++", "clang", "tcc", "ld", "as", "rustc", "cargo", "go", "gfortran", "make", "cmake"}
HEALTHY_WITHIN_S, STOPS_WITHIN_S = 20, 10


def can_be_played() -> bool:
    """Whether this account may make a mount namespace, as CI's may."""
    tools = all(shutil.which(tool) for tool in ("unshare", "setpriv", "chroot"))
    return tools and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


NIGHTLY = os.environ.get("USAGE_PIPELINE_HYPOTHESIS") == "nightly"
pytestmark = [
    pytest.mark.skipif(not NIGHTLY, reason="installs everything anew"),
    pytest.mark.skipif(NIGHTLY and not can_be_played(), reason="mount namespaces are not allowed here"),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A place that other accounts may look into."""
    place = Path("/var/tmp") / f"usage-pipeline-image-{os.getpid()}"  # noqa: S108  (a name of our own)
    place.mkdir(mode=0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def environment(folder: Path) -> Path:
    """What the Dockerfile's first stage makes, step by step, of this interpreter: a virtual environment."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = {
        "/opt/usage-pipeline": str(folder / "env"), "/wheel": str(folder / "wheel"), "python3.12": version,
        "RUN python ": f"RUN {sys.executable} ",
    }  # fmt: skip
    source = folder / "source"
    source.mkdir()
    stage = read_instructions()[1:]
    stage = stage[: [word for word, _ in stage].index("FROM")]
    for word, rest in stage:
        line = f"{word} {rest}"
        for there, here in places.items():
            line = line.replace(there, here)
        if word == "RUN":
            subprocess.run(["sh", "-ec", line.removeprefix("RUN ")], cwd=source, check=True, capture_output=True)
        elif word == "COPY":
            copy_to(source, rest.split())
        else:
            assert word in ("ENV", "WORKDIR"), word
    return folder / "env"


def copy_to(source: Path, words: list[str]) -> None:
    """As COPY: files keep their names, a folder's content goes into the folder that is named last."""
    *names, target = words
    for name in names:
        path = project_dir() / name
        if path.is_dir():
            shutil.copytree(path, source / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / target)


def processes_of_the_image() -> list[Path]:
    """What runs as the image's user."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError):
            found += [path] if path.stat().st_uid == 10001 else []
    return found


def seconds_of_work() -> float:
    """What the processors spent on the image's processes, and on those that these have waited for."""
    ticks = 0
    for path in processes_of_the_image():
        with suppress(FileNotFoundError, ProcessLookupError):
            ticks += sum(map(int, (path / "stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def test_it_holds_no_compiler_and_no_secret(environment: Path) -> None:
    files = [path for path in environment.rglob("*") if path.is_file()]
    assert len(files) > 5_000
    assert [path for path in files if path.name in COMPILERS or path.name.endswith("-gcc")] == []
    # Keys that packages' own tests show are nobody's.
    keys = (path for path in files if path.name == ".env" or path.suffix in (".key", ".p12", ".pfx"))
    assert [path for path in keys if "tests" not in path.parts] == []
    assert [path for path in files if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH)] == []
    # What it was built by is gone again, and nothing of the tests came along.
    packages = next((environment / "lib").iterdir()) / "site-packages"
    ours = [path for path in (packages / "usage_pipeline").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert [path for path in ours if b"PRIVATE KEY-----" in path.read_bytes()] == []
    assert not [
        name for name in ("hatchling", "editables", "pytest", "usage_pipeline_tests") if (packages / name).exists()
    ]


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
        healthy, worked = time.monotonic() - began, seconds_of_work()
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
    # Others' work on the machine says nothing of ours: the processors' time counts, and how much later than that it was
    # there.
    assert worked < HEALTHY_WITHIN_S
    assert stopped < STOPS_WITHIN_S * max(1.0, healthy / worked)
