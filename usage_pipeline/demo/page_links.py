"""What the demo's people got: mails as they arrived, to be opened in a browser, and the links of their buttons."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from usage_pipeline.demo.channel_servers import part_of
from usage_pipeline.links import Deed, link
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row

APPROVER = "platform-lead"
_FOLDER = "demo_mails"
_OWNER = "marketing-owner"
_NEWEST = (
    "SELECT a.alert_id FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
    " WHERE a.kind = %s AND d.recipient = %s ORDER BY a.level = 'emergency' DESC, a.created_at DESC LIMIT 1"
)
_WANTED = (
    ("the red alert, as the agent's owner has it: take it, ask for more", "budget", _OWNER, Deed.REQUEST),
    ("what was done at the app, as its owner has it: undo", "enforcement", _OWNER, Deed.UNDO),
    ("the request for more, as the approver has it: approve", "override", APPROVER, Deed.APPROVE),
)


@dataclass(frozen=True)
class PageLink:
    """What a person can do, the link for it, and the mail that brought it, as a file; None where no mail did."""

    name: str
    address: str
    mail: Path | None


@dataclass(frozen=True)
class _Found:
    alert_id: str


def page_links(connection: Connection, settings: Settings, mails: Path) -> list[PageLink]:
    """Returns links by what they are, with the mails of the folder; none where the configuration has no web page."""
    found = []
    for name, kind, recipient, deed in _WANTED:
        alert = row(connection, _Found, _NEWEST, [kind, recipient])
        address = (
            link(settings, recipient, alert.alert_id, deed) if alert and recipient in settings.recipients else None
        )
        if alert and address:
            found.append(PageLink(name, address, _mail_about(mails, alert.alert_id, recipient)))
    return found


def keep_mails(mails: Sequence[EmailMessage], home: Path) -> Path:
    """Writes each mail's page into a folder of the demo's home, which only its account reads; returns the folder."""
    folder = home / _FOLDER
    remove_mails(home)
    folder.mkdir(mode=0o700)
    for number, mail in enumerate(mails, 1):
        to = str(mail["To"]).partition("@")[0]
        (folder / f"{number:02d}-{to}.html").write_text(part_of(mail, "html"), encoding="utf-8")
    return folder


def remove_mails(home: Path) -> None:
    """Removes the mails of an earlier demo."""
    shutil.rmtree(home / _FOLDER, ignore_errors=True)


def _mail_about(folder: Path, alert_id: str, recipient: str) -> Path | None:
    files = sorted(folder.glob(f"*-{recipient}.html"))
    return next((file for file in files if f" {alert_id}" in file.read_text(encoding="utf-8")), None)
