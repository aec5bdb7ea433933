"""The files of a report as parts of a mail: attached up to a size, its trend as a picture in the body."""

from collections.abc import Mapping
from email.message import EmailMessage
from html import escape
from pathlib import Path

from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.delivery.mail_headers import file_name
from usage_pipeline.report_store import bring, reports_root
from usage_pipeline.reports.media_types import media_type

# Many servers take 10 MB, and Base64 makes a third more of it. What is larger is named, and linked, in the text.
MOST_BYTES = 6_000_000
_PICTURE = "trend"
_IMAGE = '<p><img src="cid:{name}" alt="{alt}" style="max-width:100%;height:auto"></p>'


def page_with_picture(page: str, facts: Mapping[str, object]) -> str:
    """The HTML part with the picture's place at its end; as it was when there is no picture."""
    if _within(facts.get("picture")) is None:
        return page
    image = _IMAGE.format(name=_PICTURE, alt=escape(plain(facts.get("title"))))
    return page.replace("</body>", f"{image}</body>", 1)


def add_files(mail: EmailMessage, facts: Mapping[str, object]) -> None:
    """Puts the picture beside the HTML part and attaches the files; all of them, or none when they are too large."""
    picture, body = _within(facts.get("picture")), mail.get_body(("html",))
    if picture and isinstance(body, EmailMessage):
        body.add_related(picture.read_bytes(), "image", "png", cid=f"<{_PICTURE}>", filename="trend.png")
    listed = facts.get("files")
    paths = [path for path in map(_within, listed if isinstance(listed, list) else []) if path]
    if sum(path.stat().st_size for path in paths) > MOST_BYTES:
        return
    for path in paths:
        kind, subtype = media_type(path)
        parameters = {"charset": "utf-8"} if kind == "text" else {}
        mail.add_attachment(path.read_bytes(), kind, subtype, filename=file_name(path.name), params=parameters)


def _within(name: object) -> Path | None:
    """A file under the folder of reports; None for any other, and for one that was removed since."""
    if not isinstance(name, str) or not name:
        return None
    bring(name)
    folder = reports_root().resolve()
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None
