"""`doctor` says what is wrong with a source and what to do."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from usage_pipeline.commands.doctor_recipients import look_at_recipients
from usage_pipeline.commands.doctor_web import look_at_web
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import build_company
from usage_pipeline_tests.support.console_company import EMAIL, console_company
from usage_pipeline_tests.support.fault_servers import faulty_http
from usage_pipeline_tests.support.typed import typed

READER, PASSWORD = "usage_reader", "s3cr3t-w0rd"


def doctor(warehouse_url: str, dify_url: str | None, *words: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """Exit code, and by what was checked: state and text."""
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url}
    environment.pop("DIFY_DATABASE_URL", None)
    if dify_url:
        environment["DIFY_DATABASE_URL"] = dify_url
    done = typed("doctor", "--json", *words, environment=environment)
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(done.stdout):
        found.setdefault(finding["checked"], []).append((finding["state"], finding["says"]))
    return done.returncode, found


@pytest.fixture
def dify(new_database: Callable[[], str]) -> str:
    """An empty Dify, by its owner's URL."""
    url = new_database()
    with connected(url) as connection:
        create_dify_schema(connection)
    return url


@pytest.fixture
def reader(dify: str, postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a role that may only read, as the README makes it."""
    with connected(dify) as connection:
        connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {READER}")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")
    yield dify.replace("postgres@", f"{READER}:{PASSWORD}@")
    with connected(dify) as connection:
        connection.execute(f"DROP OWNED BY {READER}")
        connection.execute(f"DROP ROLE {READER}")


def test_a_reader_is_well(reader: str, warehouse_url: str) -> None:
    code, found = doctor(warehouse_url, reader)
    assert code == 0
    assert ("ok", "a Dify database that can be read") in found["source main"]
    assert {state for state, _ in found["source main"]} == {"ok"}
    assert "WECOM_OPS_URL is not set" in found["recipient ops-group"][0][1]
    assert found["configuration"][1][0] == "warning"
    assert "this is the sample" in found["configuration"][1][1]
    assert "GB free" in found["data"][0][1]


def test_what_a_dify_holds_is_said_before_it_is_read(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    company = build_company(new_database, warehouse_url, seed=4, days=2)
    _, found = doctor(warehouse_url, company.dify_url)
    (says,) = [text for _, text in found["source main"] if "workspace(s)" in text]
    times = [step.at for call in company.history.calls for step in call.steps if step.table == "messages"]
    assert "Dify 1.12 or later; 2 workspace(s), 14 app(s)" in says
    assert f"calls from {min(times):%Y-%m-%d}" in says
    assert f"to {max(at for at in times if at <= company.history.now):%Y-%m-%d}" in says
    assert "rows, whose first reading takes under a minute" in says


def test_a_test_is_sent_only_when_it_is_asked_for(
    reader: str, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "usage_pipeline.yaml"
    config.write_text(
        "version: 1\nsources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]\n"
        "recipients: {ops: {channel: webhook, url_env: HOOK_URL, allow_private: true}}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))
    with faulty_http() as server:
        monkeypatch.setenv("HOOK_URL", f"{server.base}/{PASSWORD}")
        code, found = doctor(warehouse_url, reader)
        assert (code, server.taken) == (0, [])
        assert [state for state, _ in found["recipient ops"]] == ["ok"]
        code, found = doctor(warehouse_url, reader, "--send")
    assert code == 0
    assert [request.method for request in server.taken] == ["POST"]
    assert "a marked test was accepted" in found["recipient ops"][1][1]


def test_a_role_that_may_write_is_refused(dify: str, warehouse_url: str) -> None:
    code, found = doctor(warehouse_url, dify)
    assert code == 1
    wrong = [text for state, text in found["source main"] if state == "wrong"]
    assert len(wrong) == 1
    assert "the role may write to messages" in wrong[0]
    assert "SELECT only" in wrong[0]


def test_a_wrong_password(
    postgres: EmbeddedServer, warehouse_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A server of its own that asks for passwords: the embedded one trusts its socket."""
    with _password_server() as port:
        code, found = doctor(warehouse_url, f"postgresql://{READER}:{PASSWORD}@127.0.0.1:{port}/dify")
    assert code == 1
    state, text = found["source main"][0]
    assert state == "wrong"
    assert "password authentication failed" in text
    assert "the user or its password is wrong" in text


class _password_server:  # noqa: N801  (reads as a statement)
    """Speaks just enough of PostgreSQL's protocol to refuse every password as a real server does."""

    def __enter__(self) -> int:
        import threading  # noqa: PLC0415

        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client:
                first = client.recv(1024)
                if first[4:8] == b"\x04\xd2\x16\x2f":  # SSLRequest
                    client.sendall(b"N")
                    first = client.recv(1024)
                client.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
                client.recv(1024)
                body = f'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "{READER}"\0\0'.encode()
                client.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_an_unreachable_host(warehouse_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, found = doctor(warehouse_url, f"postgresql://{READER}:{PASSWORD}@127.0.0.1:{port}/dify")
    assert code == 1
    state, text = found["source main"][0]
    assert state == "wrong"
    assert "Connection refused" in text
    assert "check the host, the port" in text


def test_a_database_that_is_not_difys(empty_database: str, warehouse_url: str) -> None:
    code, found = doctor(warehouse_url, empty_database)
    assert code == 1
    state, text = found["source main"][0]
    assert state == "wrong"
    assert "is not Dify's" in text
    assert "set the database name" in text


def test_a_role_without_rights(dify: str, warehouse_url: str) -> None:
    with connected(dify) as connection:
        connection.execute("CREATE ROLE nobody_in_particular LOGIN PASSWORD 'x'")
    try:
        code, found = doctor(warehouse_url, dify.replace("postgres@", "nobody_in_particular:x@"))
    finally:
        with connected(dify) as connection:
            connection.execute("DROP ROLE nobody_in_particular")
    assert code == 1
    assert "grant SELECT" in found["source main"][0][1]


def test_no_url_at_all(warehouse_url: str) -> None:
    code, found = doctor(warehouse_url, None)
    assert code == 1
    assert "DIFY_DATABASE_URL is not set" in found["source main"][0][1]


def test_the_source_session_cannot_write(dify: str) -> None:
    from usage_pipeline.sources.dify_postgres.connection import connect_read_only  # noqa: PLC0415

    connection = connect_read_only(dify)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("DELETE FROM messages")
    connection.close()


@pytest.mark.parametrize(
    ("password", "state", "words"),
    [
        (PASSWORD, "ok", "shows the workspaces Marketing, Support"),
        ("wr0ng-s3cr3t", "wrong", "e-mail or password is wrong"),
    ],
)
def test_a_console_is_entered_and_its_workspaces_are_listed(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    password: str, state: str, words: str,
) -> None:  # fmt: skip
    with console_company(new_database, warehouse_url, tmp_path, seed=31, days=1, calls_a_day=0) as read:
        read.fake.sessions.accounts[EMAIL].password = PASSWORD
        monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(read.config))
        monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
        monkeypatch.setenv("DIFY_CONSOLE_URL", read.fake.url)
        monkeypatch.setenv("DIFY_EMAIL", EMAIL)
        monkeypatch.setenv("DIFY_PASSWORD", password)
        code, found = doctor(warehouse_url, None)
    assert code == (0 if state == "ok" else 1)
    ((found_state, says),) = found["source main, console"]
    assert found_state == state
    assert words in says
    assert password not in says


@pytest.mark.parametrize(
    ("server", "sender", "wrong"),
    [
        ("smtp://mail.example.invalid:25", "", True),
        ("smtp://mail.example.invalid:25", ", from: Alerts@LOCALHOST", True),
        ("smtp://mail.example.invalid:25", ", from: alerts@example.com", False),
        ("smtp://127.0.0.1:9", "", False),
        ("", "", False),
    ],
)
def test_mail_from_localhost_is_wrong_for_every_server_but_this_machines(
    monkeypatch: pytest.MonkeyPatch, server: str, sender: str, wrong: bool
) -> None:
    monkeypatch.setenv("SMTP_URL", server)
    settings = parse_settings(
        f"version: 1\nrecipients: {{owner: {{channel: email, to: [owner@example.com]{sender}}}}}\n", "c.yaml"
    )
    says = [finding.says for finding in look_at_recipients(settings) if finding.state == "wrong"]
    assert any("which other mail servers refuse" in text for text in says) == wrong


def test_an_address_without_sense_and_a_port_where_nobody_is_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", "hppts//nonsense")
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{free_port()}")
    settings = parse_settings(
        "version: 1\nrecipients:\n  ops: {channel: wecom, secret_env: OPS_URL}\n"
        "  owner: {channel: email, to: [owner@example.com], from: usage@example.com}\n",
        "c.yaml",
    )
    found = {finding.checked for finding in look_at_recipients(settings) if finding.state == "wrong"}
    assert found == {"recipient ops", "recipient owner"}


@pytest.mark.parametrize(
    ("approvals", "warned"),
    [
        ("approvers: [boss], people: {boss: {recipients: [group]}}", ["group"]),
        ("approvers: [group]", ["group"]),
        ("approvers: [boss], people: {boss: {recipients: [two]}}", ["two"]),
        ("approvers: [boss], people: {boss: {recipients: [one]}}", []),
        ("approvers: [boss], known_by: [header], people: {boss: {recipients: [group], headers: [boss]}}", []),
    ],
)
def test_an_approver_whose_links_a_group_reads_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, approvals: str, warned: list[str]
) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    header = "trusted_header: X-User, trusted_proxies: [192.0.2.1]"
    settings = parse_settings(
        "version: 1\nrecipients:\n  group: {channel: wecom, secret_env: X}\n"
        "  two: {channel: email, to: [a@example.com, b@example.com]}\n  one: {channel: email, to: [a@example.com]}\n"
        f'web: {{public_url: "https://usage.example.com", {header}}}\napprovals: {{{approvals}}}\n',
        "c.yaml",
    )
    says = [finding.says for finding in look_at_web(settings) if "can decide as" in finding.says]
    assert [text.split()[4] for text in says] == warned
