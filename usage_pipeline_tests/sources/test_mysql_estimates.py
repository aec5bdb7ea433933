"""What Dify does not log is estimated on MariaDB as on PostgreSQL, by lengths that the server counts."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.fake_dify.knowledge import document_id, knowledge_rows, summary_id
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import Company
from usage_pipeline_tests.support.dify_on_mysql import (
    create_dify_on_mysql,
    insert_rows,
    read,
    write_history_to_mysql,
)
from usage_pipeline_tests.support.mariadb import MariaDB, on_mariadb

pytestmark = on_mariadb
SHANGHAI = timezone(timedelta(hours=8))
MODEL = {"model_provider": "langgenius/openai/openai", "model_name": "gpt-4o"}
PROMPTS = [{"role": "system", "text": '你好\n"' * 5}, {"role": "user", "text": "b" * 31}, {"role": "user"}]  # 71 bytes
# What is stopped: prompt, answer, query; and what that comes to.
ANSWERS = (
    ([{"role": "system", "text": "a" * 40}, {"role": "user", "text": "b" * 39}], "c" * 9, "?", (20, 3)),
    ([{"role": "user", "text": "你好吗" * 4}], "好" * 8, "?", (9, 6)),
    ({"not": "a list"}, "word", "query", (2, 1)),
    ([{"role": "user"}, "odd", None], "word", "?", (1, 1)),
)
# A node's columns, and what is estimated of it.
NODES: tuple[tuple[dict[str, object], tuple[int, int] | None], ...] = (
    ({"process_data": json.dumps({**MODEL, "prompts": PROMPTS}), "outputs": json.dumps({"text": "好\n" * 7})}, (18, 7)),
    ({"process_data": json.dumps({**MODEL, "prompts": PROMPTS}, ensure_ascii=False), "outputs": None}, (18, 0)),
    ({"process_data": json.dumps(MODEL), "outputs": None, "inputs": json.dumps({"a": "x" * 13, "b": None})}, (4, 0)),
    ({"process_data": None, "outputs": None, "inputs": None}, None),
    ({"process_data": "{" + json.dumps({"prompts": PROMPTS}), "outputs": json.dumps({"text": "a" * 4}),
      "inputs": None}, (0, 1)),
)  # fmt: skip


def test_stopped_answers_calls_that_were_broken_off_and_documents(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    now = datetime.now(UTC)
    history = build_history(91, now, 2, 8.0, 0)
    name = new_mysql_database()
    documents = {"guide": (5_000, now - timedelta(days=20)), "list": (300, now - timedelta(hours=2))}
    company = Company(mariadb.url(name), warehouse_url, history)
    expected: dict[str, tuple[object, ...]] = {}
    with mariadb.connect(name) as dify:
        create_dify_on_mysql(dify)
        write_history_to_mysql(dify, history, now, SHANGHAI)
        read(dify, "UPDATE messages SET answer = '' WHERE message_tokens + answer_tokens = 0")
        rows = knowledge_rows(history.world, "Support", "Handbook", documents, {"guide": 40})
        insert_rows(dify, rows, SHANGHAI)
        expected |= {f"document:{document_id(key)}": (tokens, 0) for key, (tokens, _) in documents.items()}
        expected[f"summary:{summary_id('guide')}"] = (40, 0)
        ids = read(dify, "SELECT m.id FROM messages m JOIN apps a ON a.id = m.app_id WHERE a.mode = 'completion'"
                   " AND m.message_tokens > 0 ORDER BY m.id LIMIT 4")  # fmt: skip
        for (message_id,), (prompt, answer, query, tokens) in zip(ids, ANSWERS, strict=True):
            read(dify, "UPDATE messages SET message_tokens = 0, answer_tokens = 0, total_price = 0, answer = %s,"
                 " query = %s, message = %s, message_unit_price = 2.5, answer_unit_price = 10,"
                 " message_price_unit = 0.000001, answer_price_unit = 0.000001, currency = 'USD' WHERE id = %s",
                 [answer, query, json.dumps(prompt), message_id])  # fmt: skip
            expected[f"stopped:{message_id}"] = tokens
        nodes = read(dify, "SELECT n.id, n.workflow_run_id FROM workflow_node_executions n JOIN workflow_runs r"
                     " ON r.id = n.workflow_run_id WHERE n.node_type = 'llm' AND r.status = 'succeeded'"
                     " GROUP BY n.workflow_run_id ORDER BY n.id LIMIT 5")  # fmt: skip
        for (node_id, run_id), (columns, estimated) in zip(nodes, NODES, strict=True):
            names = ", ".join(f"{column} = %s" for column in columns)
            read(dify, "UPDATE workflow_node_executions SET status = 'failed', execution_metadata = NULL,"
                 f" {names} WHERE id = %s", [*columns.values(), node_id])  # fmt: skip
            read(dify, "UPDATE workflow_runs SET status = 'stopped', total_tokens = 0 WHERE id = %s", [run_id])
            if estimated:
                expected[f"stopped:{node_id}"] = estimated
    assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        found = connection.execute(
            "SELECT event_id, input_tokens, output_tokens, cost, status FROM usage.usage_event"
            " WHERE basis = 'estimated'"
        ).fetchall()
    assert {str(row[0]): row[1:3] for row in found} == expected
    for event_id, taken, given, cost, status in found:
        if str(event_id).startswith("stopped:") and cost is not None:
            # Answers at the prices that Dify noted, calls at OpenAI's list price for the same model: they are alike.
            assert cost == (taken * Decimal("2.5") + given * 10) / 1_000_000  # type: ignore[operator]
            assert status == "stopped"
    assert sum(result.events_changed for result in company.run().ingested) == 0
