"""Mail by SMTP: a plain and an HTML part; accepted when the server takes it for every address."""

import contextlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.texts import brings_files
from usage_pipeline.delivery.channels.base import ChannelOf, Trial
from usage_pipeline.delivery.mail_headers import address_header, header, is_address, message_id_header
from usage_pipeline.delivery.rendering import fields_of, fitted, subject
from usage_pipeline.delivery.report_files import add_files, page_with_picture
from usage_pipeline.http.clock import one_clock, timed_reader
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import Recipient, VariableName
from usage_pipeline.settings.values import one_or_more

_TIMEOUT_S = 15
# From the greeting to the last reply: before the attempt's own end.
_WHOLE_S = 40
_LONGEST_SUBJECT = 200
# No server refuses a mail of this size, and nobody reads more.
_MOST_PART_BYTES = 500_000
_OK = (250, 251)
_PORTS = {"smtps": 465, "smtp": 25}
# Base64 or quoted-printable: no server is asked for 8BITMIME.
_POLICY = policy.SMTP.clone(cte_type="7bit")


def _mail_address(text: str) -> str:
    if not is_address(text):
        raise ValueError("is not a mail address; write it as owner@example.com")
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class EmailRecipient(Recipient):
    """People by mail; the variable holds smtp:// or smtps://user:password@host:port."""

    channel: Literal["email"]
    to: Annotated[tuple[MailAddress, ...], BeforeValidator(one_or_more), Field(min_length=1)]
    smtp_url_env: VariableName = "SMTP_URL"
    sender: MailAddress = Field(default="usage-pipeline@localhost", alias="from")


class Mail(ChannelOf[EmailRecipient]):
    """One mail to all addresses of the recipient; some refused are named in the answer.

    When some are refused only for now, the next attempt goes to all again, under the same Message-ID.
    """

    name = "email"
    recipient_class = EmailRecipient
    example = {"to": ["owner@example.com"]}  # noqa: RUF012

    def send(self, message: Message, recipient: EmailRecipient) -> Outcome:
        """Hands the mail over to the server that the variable names."""
        url = secret(recipient.smtp_url_env, "the email recipient")
        try:
            mail, note = _compose(message, recipient)
        except ValueError as error:
            return Outcome("permanent", f"an address of the recipient {error}")
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("smtp", "smtps"):
                return Outcome("retry", f"{recipient.smtp_url_env} is not smtp:// or smtps://")
            with one_clock(_WHOLE_S):
                outcome = _hand_over(parts, mail, recipient)
        except smtplib.SMTPResponseException as error:
            # What smtplib makes up by itself is a str: no server has refused anything.
            if isinstance(error.smtp_error, str):
                return Outcome("retry", f"the mail server answers nonsense: {error.smtp_error}")
            outcome = _by_code(error.smtp_code, _text(error.smtp_error))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            outcome = Outcome("retry", f"cannot hand over to the mail server: {type(error).__name__}")
        return replace(outcome, answer=f"{note}; {outcome.answer}") if note else outcome

    def shown(self, message: Message, recipient: EmailRecipient) -> str:
        """Subject and plain part, then the HTML part."""
        mail, note = _body(message)
        parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
        shown = [f"Subject: {_subject(message)}", *(part.get_content() for part in parts if part)]
        return "\n\n".join(([note] if note else []) + shown)

    def tried(self, recipient: EmailRecipient) -> Trial:
        """Connects and logs in, as sending would, and says goodbye."""
        parts = urlsplit(secret(recipient.smtp_url_env, "the email recipient"))
        if parts.scheme not in _PORTS:
            return Trial(False, f"{recipient.smtp_url_env} is not smtp:// or smtps://")
        try:
            with one_clock(_WHOLE_S):
                return _tried(parts)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Trial(False, f"the mail server of {recipient.smtp_url_env} {_why_not(error)}")

    def counted(self, recipient: EmailRecipient) -> Sequence[str]:
        """The mail server."""
        return [recipient.smtp_url_env]


def _compose(message: Message, recipient: EmailRecipient) -> tuple[bytes, str]:
    """The mail as it travels, and what there is to say about its templates. Raises ValueError for a wrong address."""
    body, note = _body(message)
    headers = (
        header("Subject", _subject(message)),
        address_header("From", [recipient.sender]),
        address_header("To", recipient.to),
        header("Date", formatdate(localtime=False)),
        # No holiday's answer is sent to it.
        header("Auto-Submitted", "auto-generated"),
        # The same at each attempt: a mail server or reader that sees it twice can tell.
        message_id_header(f"{message.delivery_id}@usage-pipeline"),
        header("X-Usage-Pipeline-Alert", message.alert_id),
    )
    return b"".join(headers) + body.as_bytes(), note


def _subject(message: Message) -> str:
    return subject(message, line, _LONGEST_SUBJECT)


def _body(message: Message) -> tuple[EmailMessage, str]:
    """Both parts and the files, with headers of their own kind only; and what there is to say about the templates."""
    text = fitted("mail.txt.j2", message, line, _MOST_PART_BYTES)
    fields = fields_of("mail.html.j2", message, line)
    page = fitted("mail.html.j2", message, line, _MOST_PART_BYTES, fields=fields)
    mail = EmailMessage(policy=_POLICY)
    mail.set_content(text.text)
    with_files = brings_files(message)
    html = page_with_picture(page.text, message.facts) if with_files else page.text
    mail.add_alternative(html, subtype="html")
    if with_files:
        add_files(mail, message.facts)
    return mail, "; ".join(note for note in (text.note, page.note) if note)


def _hand_over(parts: SplitResult, mail: bytes, recipient: EmailRecipient) -> Outcome:
    server = _connected(parts)
    try:
        return _logged_in(server, parts) or _transaction(server, mail, recipient)
    finally:
        _leave(server)


def _logged_in(server: smtplib.SMTP, parts: SplitResult) -> Outcome | None:
    """Logs in where the URL has a user; returns why no password was sent."""
    if parts.username:
        if not (isinstance(server.sock, ssl.SSLSocket) or _is_loopback(server)):
            return Outcome("retry", "the mail server offers no encryption, so no password is sent; use smtps://")
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return None


def _tried(parts: SplitResult) -> Trial:
    server = _connected(parts)
    sealed = isinstance(server.sock, ssl.SSLSocket)
    try:
        refused = _logged_in(server, parts)
    finally:
        _leave(server)
    if refused:
        return Trial(False, refused.answer)
    login = "the login is taken" if parts.username else "without a login"
    return Trial(True, f"{parts.hostname} answers {'with TLS' if sealed else 'without TLS'}, {login}")


def _why_not(error: Exception) -> str:
    """Returns why a mail server was not entered; errors' own texts may hold what was sent."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return "refuses the user or the password; look at both"
        case smtplib.SMTPNotSupportedError():
            return "takes no login; leave user and password out of the URL, or use smtps://"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted here ({error.verify_message})"
    said = (isinstance(error, OSError) and error.strerror) or type(error).__name__
    return f"cannot be talked to ({said}); look at host and port"


def _leave(server: smtplib.SMTP) -> None:
    # What the server says at parting does not change what it said about the mail.
    with contextlib.suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


class _TimedSmtp(smtplib.SMTP):
    """Waits for a reply no longer than what is left of the whole."""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock:
            self.file = timed_reader(self.sock)
        return super().getreply()


class _SecureTimedSmtp(_TimedSmtp, smtplib.SMTP_SSL):
    pass


def _connected(parts: SplitResult) -> smtplib.SMTP:
    host, context = parts.hostname or "localhost", ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = _SecureTimedSmtp(host, parts.port or _PORTS["smtps"], timeout=_TIMEOUT_S, context=context)
    else:
        server = _TimedSmtp(host, parts.port or _PORTS["smtp"], timeout=_TIMEOUT_S)
    try:
        server.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
    except BaseException:
        server.close()
        raise
    return server


def _is_loopback(server: smtplib.SMTP) -> bool:
    return bool(server.sock and ip_address(server.sock.getpeername()[0].partition("%")[0]).is_loopback)


def _transaction(server: smtplib.SMTP, mail: bytes, recipient: EmailRecipient) -> Outcome:
    code, reply = server.mail(parseaddr(recipient.sender)[1])
    if code not in _OK:
        return _by_code(code, _text(reply))
    refused: dict[str, tuple[int, str]] = {}
    for address in recipient.to:
        code, reply = server.rcpt(parseaddr(address)[1])
        if code not in _OK:
            refused[address] = (code, _text(reply))
    if len(refused) == len(recipient.to):
        return _refused(refused)
    code, reply = server.data(mail)
    if code != 250:
        return _by_code(code, _text(reply))
    taken = ", ".join(address for address in recipient.to if address not in refused)
    answer = f"250 {_text(reply)} for {taken}"
    return _refused(refused, answer) if refused else Outcome("accepted", answer, 250)


def _refused(refused: dict[str, tuple[int, str]], accepted: str = "") -> Outcome:
    words = "; ".join(f"{address}: {code} {reply}" for address, (code, reply) in refused.items())
    codes = [code for code, _ in refused.values()]
    kept = [code for code in codes if code < 500] or codes
    answer = f"refused {words}" + (f"; {accepted}" if accepted else "")
    return Outcome("retry" if kept[0] < 500 else "permanent", answer, kept[0])


def _by_code(code: int, text: str) -> Outcome:
    return Outcome("permanent" if 500 <= code < 600 else "retry", f"{code} {text}", code)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
