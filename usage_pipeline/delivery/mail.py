"""Mail by SMTP: a plain and an HTML part; accepted when the server takes it for every recipient."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from usage_pipeline.delivery.channel import Message, Outcome
from usage_pipeline.delivery.texts import one_line, render, title
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import EmailRecipient

_TIMEOUT_S = 15


def send(message: Message, recipient: Recipient) -> Outcome:
    """Sends one mail to all addresses of the recipient; some refused are named in the answer and tried again."""
    if not isinstance(recipient, EmailRecipient):
        raise TypeError("not an email recipient")
    url = secret(recipient.smtp_url_env, "the email recipient")
    mail = _compose(message, recipient)
    try:
        return _hand_over(url, mail, list(recipient.to))
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(error.recipients)
    except smtplib.SMTPAuthenticationError as error:
        return Outcome("permanent", f"the server refuses the login ({error.smtp_code})", error.smtp_code)
    except smtplib.SMTPResponseException as error:
        return _by_code(error.smtp_code, _text(error.smtp_error))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Outcome("retry", f"cannot hand over to the mail server: {type(error).__name__}")


def _compose(message: Message, recipient: EmailRecipient) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = one_line(title(message), 200)
    mail["From"] = recipient.sender
    mail["To"] = ", ".join(recipient.to)
    mail["Date"] = formatdate(localtime=False)
    # The same at each attempt: a mail server or reader that sees it twice can tell.
    mail["Message-ID"] = f"<{message.delivery_id}@usage-pipeline>"
    mail["X-Usage-Pipeline-Alert"] = message.alert_id
    mail.set_content(render("mail.txt.j2", message))
    mail.add_alternative(render("mail.html.j2", message), subtype="html")
    return mail


def _hand_over(url: str, mail: EmailMessage, to: list[str]) -> Outcome:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port or 465, timeout=_TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(host, port or 25, timeout=_TIMEOUT_S)
    with server:
        server.ehlo()
        if parts.scheme != "smtps" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        refused = server.send_message(mail, to_addrs=to)
    if refused:
        return _refused(refused)
    return Outcome("accepted", f"250 accepted for {', '.join(to)}", 250)


def _refused(refused: dict[str, tuple[int, bytes]]) -> Outcome:
    words = "; ".join(f"{address}: {code} {_text(reply)}" for address, (code, reply) in refused.items())
    codes = [code for code, _ in refused.values()]
    return Outcome("retry" if any(400 <= code < 500 for code in codes) else "permanent", f"refused {words}", codes[0])


def _by_code(code: int, text: str) -> Outcome:
    return Outcome("retry" if code < 500 else "permanent", f"{code} {text}", code)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
