"""How fast budgets are told to machines: 1,000 questions a second about 5,000 values, over 32 open connections.

Run: .venv/bin/python benchmarks/budget_questions.py [questions a second] [seconds]
Ends with exit code 1 when a twentieth of the answers takes over 20 ms, or one is not 200. Page, PostgreSQL and whoever
asks share the machine.
"""

import asyncio
import os
import resource
import socket
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

VALUES, CONNECTIONS = 5_000, 32
LONGEST_MS = 20.0
TOKEN = "a-token-of-the-benchmark"  # noqa: S105  (made up)
FILL = Path(__file__).parent / "sql" / "budget_values.sql"
CONFIG = """version: 1
recipients: {{ops: {{channel: webhook, url_env: OPS_URL, allow_private: true}}}}
budgets: [{{id: each, per: project, period: day, limit: {{tokens: 1000}}}}]
web:
  public_url: "http://127.0.0.1:{port}"
  listen: "127.0.0.1:{port}"
  tokens: {{bench: {{secret_env: BENCH_TOKEN}}}}
"""


async def ask(port: int, questions: "asyncio.Queue[tuple[float, int]]", taken: list[float], bad: list[bytes]) -> None:
    """Asks over one connection; what is taken counts from when the question was due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        due, number = await questions.get()
        writer.write(
            f"GET /v1/budgets/each?scope=project-{number % VALUES} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        taken.append((time.perf_counter() - due) * 1000)
        if b" 200 " not in head[:20]:
            bad.append(head)
        questions.task_done()


async def load(port: int, rate: int, seconds: int) -> tuple[list[float], list[bytes]]:
    """Asks at a steady pace, whether or not answers come."""
    questions: asyncio.Queue[tuple[float, int]] = asyncio.Queue()
    taken: list[float] = []
    bad: list[bytes] = []
    askers = [asyncio.create_task(ask(port, questions, taken, bad)) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for number in count():
        due = began + number / rate
        if due > began + seconds:
            break
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        questions.put_nowait((due, number * 7919))
    await questions.join()
    for asker in askers:
        asker.cancel()
    return taken, bad


def main(rate: int, seconds: int) -> int:
    """Fills a warehouse, serves it and asks."""
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        home = Path(folder)
        server = start_embedded(home)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            create_database(connection, "bench")
        url = server.url("bench")
        migrate(url)
        with connected(url) as connection:
            connection.execute(FILL.read_bytes())
        config = home / "c.yaml"
        config.write_text(CONFIG.format(port=port), encoding="utf-8")
        variables = {"WAREHOUSE_URL": url, "USAGE_PIPELINE_CONFIG": str(config), "USAGE_PIPELINE_HOME": str(home)}
        page = subprocess.Popen(
            [sys.executable, "-m", "usage_pipeline.web.serve"], env={**os.environ, **variables, "BENCH_TOKEN": TOKEN}
        )
        try:
            _wait(port, page)
            asyncio.run(load(port, 200, 2))
            taken, bad = asyncio.run(load(port, rate, seconds))
        finally:
            page.terminate()
            page.wait(20)
            stop_embedded(home)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken.sort()
    shown = {share: taken[min(int(len(taken) * share), len(taken) - 1)] for share in (0.5, 0.95, 0.99, 1.0)}
    print(f"{len(taken):,} answers at {rate:,} a second, {len(bad)} not 200; ms: "
          + ", ".join(f"p{share * 100:g} {ms:.1f}" for share, ms in shown.items()))  # fmt: skip
    print(f"the page used {(used.ru_utime + used.ru_stime) * 1000 / len(taken):.2f} ms of a processor an answer")
    return int(shown[0.95] > LONGEST_MS or bool(bad))


def _wait(port: int, page: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and page.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the page did not start")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [1_000, 10][len(numbers) :])))
