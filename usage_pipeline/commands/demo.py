"""`usage-pipeline demo`: the whole job on a made-up Dify, in under a minute."""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from usage_pipeline.commands.action_pages import show_actions
from usage_pipeline.commands.output import EXIT_FAILED, bold, complain, for_people, out, say
from usage_pipeline.commands.run import as_document
from usage_pipeline.commands.summary import show_attempts, show_budgets, show_pass
from usage_pipeline.commands.visible import visible
from usage_pipeline.configuration import active_configuration
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.demo.channel_servers import channel_servers
from usage_pipeline.demo.page_links import keep_mails, page_links, remove_mails
from usage_pipeline.demo.pause_story import (
    Answer,
    acting_configuration,
    approve_more,
    call_the_agent,
    console_of_demo,
)
from usage_pipeline.demo.place import remove_place
from usage_pipeline.demo.play import SEED, prepare, reconcile_newest, run_through_dagster, time_to_wait
from usage_pipeline.enforcement.carry_out import enforce
from usage_pipeline.enforcement.state import actions
from usage_pipeline.fake_dify.console import FakeConsole
from usage_pipeline.fake_dify.history import RUNAWAY, History
from usage_pipeline.fake_dify.live import write_live
from usage_pipeline.pipeline import run_pass
from usage_pipeline.settings.environment import config_path, home_dir
from usage_pipeline.settings.extras import need
from usage_pipeline.settings.places import DEMO_CONFIGURATION, in_checkout, sample_configuration
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.demo_databases import DIFY_DATABASE
from usage_pipeline.warehouse.location import embedded, warehouse_url

_PASS_EVERY_S = 10.0


@for_people
def demo(
    seed: Annotated[int, typer.Option(help="Another seed makes another company.")] = SEED,
    live: Annotated[bool, typer.Option("--live", help="Go on writing calls, with a pass every 10 s.")] = False,
    seconds: Annotated[float, typer.Option(help="With --live: for how long.")] = 300.0,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the demo's databases and end.")] = False,
) -> None:
    """Set up a made-up Dify with 60 days of usage, run the whole job on it, and show what arrives where."""
    if remove:
        remove_place(embedded())
        (home_dir() / DEMO_CONFIGURATION).unlink(missing_ok=True)
        remove_mails(home_dir())
        out.print("the demo's databases are removed")
        return
    need("aiosmtpd", "demo", "the demo's mailbox")
    started = time.monotonic()
    say(bold("A made-up Dify"), ": two workspaces, 14 apps, 60 days; today an agent runs away.")
    wait = time_to_wait(datetime.now(UTC)).total_seconds()
    if wait:
        say(f"  It is about midnight in Shanghai, where its day begins: the demo starts in {wait:.0f} s.")
        time.sleep(wait)
    own = bool(os.environ.get("USAGE_PIPELINE_CONFIG"))
    history = prepare(None if own else acting_configuration(sample_configuration(), home_dir()), seed)
    out.print(f"  {len(history.calls):,} calls are written; the Dify database is {DIFY_DATABASE}\n")
    with channel_servers(_show) as servers, console_of_demo(os.environ["DIFY_DATABASE_URL"]) as console:
        os.environ.update(servers.environment)
        before = call_the_agent(console, history)
        well = run_through_dagster(lambda text: say(f"Dagster: {text} …", style="dim"))
        out.print()
        with connected(warehouse_url()) as connection:
            summary = run_pass(connection, config_path(), by="usage-pipeline demo")
            show_pass(connection, summary)
        well &= _reconcile()
        if not own:
            well &= _release(console, history, before)
        if live:
            well &= _go_on(history, seconds)
    out.print(f"\nThat took {time.monotonic() - started:.0f} s. See it all in the Dagster UI:")
    say("  ", bold(f"{_command()} up"), "   then open http://127.0.0.1:3000")
    out.print("  (Assets > Global asset lineage shows the way of the data; `alerts show ID` and `enforcement show ID`")
    out.print("  show what happened to an alert and to an action)")
    _show_links(keep_mails(servers.mails, home_dir()))
    if not (well and summary.ok):
        complain(f"not every step held: {as_document(summary)}", style="red")
        raise typer.Exit(EXIT_FAILED)


def _show_links(mails: Path) -> None:
    with connected(warehouse_url()) as connection:
        found = page_links(connection, active_configuration(connection, config_path()).settings, mails)
    say(f"The mails, as they arrived, are pages in {mails}")
    if found:
        say("Their buttons work on a phone, without a login, while the page runs by the demo's own configuration:")
        say("  ", bold(f"USAGE_PIPELINE_CONFIG={config_path()} {_command()} web"))
    for each in found:
        say(f"  {each.name}" + (f" (in the mail {each.mail.name})" if each.mail else ""))
        say(f"  {each.address}")


def _command() -> str:
    """Returns the command as it is typed in the folder that one is in."""
    return ".venv/bin/usage-pipeline" if in_checkout() else "usage-pipeline"


def _show(channel: str, text: str) -> None:
    title = Text(f"arrived: {channel}")
    out.print(Panel(Text(visible(text.strip())), title=title, title_align="left", border_style="cyan"))


def _release(console: FakeConsole, history: History, before: Answer) -> bool:
    """The agent was paused: shows it, has more approved, and shows that callers come through again."""
    paused = call_the_agent(console, history)
    with connected(warehouse_url()) as connection:
        configuration = active_configuration(connection, config_path())
        approved = approve_more(connection, configuration)
        carried = enforce(connection, configuration.settings, configuration.version, by="usage-pipeline demo")
        deliver_due(connection, configuration.settings, by="usage-pipeline demo", config_version=configuration.version)
        after = call_the_agent(console, history)
        out.print()
        say(bold("Stopped and released"), f": callers of {RUNAWAY} got {before.status} before,")
        say(f"  {paused.status} while it was paused ({paused.said})")
        say(f"  {after.status} after {approved.decided_by} approved an override of {approved.amount}")
        out.print()
        show_actions(actions(connection))
    return (before.status, paused.status, after.status) == (200, 403, 200) and not carried.errors


def _reconcile() -> bool:
    results = reconcile_newest()
    tokens = sum(result.sums.our_tokens for result in results if result.sums)
    wrong = [result for result in results if result.state != "green"]
    for result in wrong:
        complain(f"reconciliation: {result.usage_date} {result.state}: {result.says}", style="red")
    if not wrong:
        out.print(f"Reconciliation: green; {tokens:,} tokens of {len(results)} days fit Dify's own sums.")
    return not wrong


def _go_on(history: History, seconds: float) -> bool:
    """Writes calls for so long, with a pass every ten seconds; Ctrl-C ends it early."""
    out.print()
    say(bold("Live"), f": calls go on for {seconds:.0f} s, a pass every {_PASS_EVERY_S:.0f} s; Ctrl-C ends it")
    stop, url = threading.Event(), embedded().url(DIFY_DATABASE)
    writer = threading.Thread(target=write_live, args=(url, history, seconds), kwargs={"stop": stop})
    writer.start()
    well = True
    try:
        while writer.is_alive():
            writer.join(_PASS_EVERY_S)
            well &= _one_more()
    except KeyboardInterrupt:
        stop.set()
        writer.join()
    well &= _one_more()
    with connected(warehouse_url()) as connection:
        show_budgets(connection)
        show_attempts(connection)
    return well


def _one_more() -> bool:
    with connected(warehouse_url()) as connection:
        summary = run_pass(connection, config_path(), by="usage-pipeline demo --live", sweep=False)
    changed = sum(result.events_changed for result in summary.ingested)
    say(f"pass: {changed} events changed, levels {summary.evaluation.levels}", style="dim")
    return summary.ok
