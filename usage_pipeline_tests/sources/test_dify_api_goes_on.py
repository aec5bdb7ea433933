"""Passes through the console go on where the one before ended, while Dify goes on too."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from usage_pipeline.fake_dify.history import true_units
from usage_pipeline.fake_dify.live import write_live
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import KEY_RULES
from usage_pipeline_tests.support.console_company import as_the_console_shows, assert_as_shown, console_company


def test_a_pass_makes_so_many_calls_and_the_next_goes_on(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=16, days=1, calls=20) as read:
        passes, behind = 0, True
        while behind:
            before = len(read.fake.faults.calls)
            assert not read.run(sweep=False).source_errors
            asked = [
                call for call in read.fake.faults.calls[before:]
                if call.path.endswith(("/node-executions", "/chat-messages"))
                or "/completion-conversations/" in call.path
            ]  # fmt: skip
            # Two minutes of the runaway's conversations are read again each time.
            assert len(asked) <= 20 + 30
            passes += 1
            assert passes < 30
            with connected(warehouse_url) as connection:
                behind = bool(connection.execute("SELECT 1 FROM usage.source_problem WHERE kind = 'behind'").fetchall())
        assert passes > 2
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, read.shown_truth())


def test_passes_while_calls_are_written_end_at_what_the_console_shows(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=17, days=1, calls_a_day=1) as read:
        written: list[CallScript] = []
        history = read.company.history
        writer = threading.Thread(
            target=lambda: written.extend(write_live(read.company.dify_url, history, 8.0, calls_per_second=6.0))
        )
        writer.start()
        passes = 0
        while writer.is_alive():
            assert not read.run(sweep=passes == 0).source_errors
            passes += 1
        assert passes > 1
        read.run()
        later = datetime.now(UTC) + timedelta(minutes=20)
        units = true_units(history.world, [*history.calls, *written], later, KEY_RULES)
        with connected(warehouse_url) as connection:
            assert_as_shown(connection, as_the_console_shows(read.company, units))


def test_a_conversation_that_goes_on_is_read_back_to_what_is_known(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path
) -> None:
    with console_company(new_database, warehouse_url, tmp_path, seed=19, days=1) as read:
        read.run()
        with connected(read.company.dify_url) as dify:
            row = dify.execute("SELECT id::text FROM conversations WHERE mode = 'chat' LIMIT 1").fetchone()
            assert row
            dify.execute(
                "INSERT INTO messages (id, app_id, conversation_id, inputs, query, message, message_tokens, answer,"
                " answer_tokens, message_unit_price, answer_unit_price, currency, from_source, message_price_unit,"
                " answer_price_unit, created_at)"
                " SELECT gen_random_uuid(), app_id, id, '{}', 'more', '[]', 5, 'yes', 2, 0, 0, 'USD', from_source,"
                " 0, 0, timezone('UTC', now()) - n * interval '1 second' FROM conversations, generate_series(1, 250) n"
                " WHERE id = %s",
                [row[0]],
            )
            dify.execute("UPDATE conversations SET updated_at = timezone('UTC', now()) WHERE id = %s", [row[0]])
        before = len(read.fake.faults.calls)
        summary = read.run(sweep=False)
        assert sum(result.events_changed for result in summary.ingested) >= 250
        asked = [call for call in read.fake.faults.calls[before:] if call.path.endswith("/chat-messages")]
        assert len(asked) < 20
        again = read.run(sweep=False)
        assert sum(result.events_changed for result in again.ingested) == 0
