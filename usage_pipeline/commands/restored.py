"""`usage-pipeline restored`: goes on with a warehouse that was restored from a backup, once a person has looked."""

from typing import Annotated

import typer

from usage_pipeline.commands.context import open_warehouse
from usage_pipeline.commands.output import AsJson, for_people, print_json, say, show_rows
from usage_pipeline.commands.who import By, who
from usage_pipeline.enforcement.state import actions
from usage_pipeline.inputs import InputError
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.restored import accept, look, since_backup
from usage_pipeline.warehouse.rows import value

_WAITING = "SELECT count(*) FROM usage.delivery WHERE state IN ('pending', 'sending')"


@for_people
def restored(
    accepted: Annotated[bool, typer.Option("--accept", help="Go on: what was sent is not sent again.")] = False,
    send_nothing: Annotated[
        bool, typer.Option("--send-nothing", help="With --accept: nothing that waits by now is sent, either.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """What was sent and done since the backup that the warehouse was restored from; --accept goes on with it."""
    if send_nothing and not accepted:
        raise InputError("--send-nothing goes with --accept: usage-pipeline restored --accept --send-nothing")
    typist = who(by)
    person = typist.noted(typist.account)
    with open_warehouse() as connection:
        found = look(connection)
        if found is None:
            print_json({"restored": False}) if as_json else say(
                "the warehouse knows all that was sent and done with it"
            )
            return
        document = _document(connection)
        if accepted:
            went_on = accept(connection, person, send_nothing=send_nothing)
            document |= {"accepted_by": person, "kept_from_sending": went_on.kept, "waiting": went_on.waiting}
    if as_json:
        print_json({"restored": True, "found_at": found.found_at, "found_by": found.found_by, **document})
        return
    _show(str(found), document, accepted=accepted)


def _document(connection: Connection) -> dict[str, object]:
    since = since_backup(connection)
    known = {action.action_id: action for action in actions(connection)}
    acted = [
        {"action": name, "state_then": state, "state_now": known[name].state if name in known else None}
        for name, state in since.actions.items()
    ]
    return {"sent_since": len(since.sent), "waiting": value(connection, int, _WAITING), "actions_since": acted}


def _show(found: str, document: dict[str, object], *, accepted: bool) -> None:
    acted = document["actions_since"]
    if isinstance(acted, list):
        rows = [(each["action"], each["state_then"], each["state_now"]) for each in acted]
        show_rows("Actions at Dify since the backup", ("action", "state then", "state by the backup"), rows)
    if accepted:
        say(
            f"accepted by {document['accepted_by']}: {document['kept_from_sending']} deliveries are not sent again,"
            f" {document['waiting']} are sent by the next pass; look at Dify for apps of the actions above"
        )
        return
    say(found)
    say(f"{document['sent_since']} deliveries were sent since the backup, {document['waiting']} wait now")
