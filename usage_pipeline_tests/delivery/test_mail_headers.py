"""Whatever a name, an address or a file is called: a mail has exactly our headers, and its subject says the name."""

import email
import unicodedata
from base64 import b64encode
from dataclasses import replace
from email import policy
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.delivery.channels.mail import EmailRecipient, _compose
from usage_pipeline.delivery.mail_headers import address_header, file_name, header, is_address
from usage_pipeline_tests.delivery.test_hostile_names import NAMES, about

OURS = [
    "Auto-Submitted",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
    "X-Usage-Pipeline-Alert",
]
FORGED = [
    "=?utf-8?q?=0d=0aBcc:_x?=",
    "=?utf-8?q?=0d=0a=0d=0a<h1>x</h1>?=",
    f"=?utf-8?b?{b64encode(b'x' + bytes((13, 10)) + b'Bcc: x@example.com').decode()}?=",
    "=?utf-8?q?a?= =?utf-8?q?=0aTo:_x?=",
    "=?iso-8859-1*en?q?=0d=0aBcc:_x?=",
    "=?x-unknown?q?=0d?=",
    "=?utf-8?b?%%%?=",
    "=?=?utf-8?q?x?=?=",
]
piece = st.sampled_from(
    [*FORGED, "=?", "?=", "\r\n", "\n.\n", "\x00", "\x85", "\u2028", "\u202e", '"', "<a@b>", "名", "😀"]
)
hostile = st.lists(piece | st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=12).map("".join)


def raw_headers(mail: bytes) -> list[str]:
    """The names of the headers, read by nothing but RFC 5322's rule: a line that begins with a blank goes on."""
    head = mail.split(b"\r\n\r\n", 1)[0]
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert head.isascii()
    lines = head.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    return [line.split(b":")[0].decode() for line in lines if not line.startswith(b" ")]


def subjects(mail: bytes) -> set[str]:
    """The subject as two parsers read it."""
    modern = email.message_from_bytes(mail, policy=policy.SMTP)
    old = email.message_from_bytes(mail, policy=policy.compat32)
    return {str(modern["Subject"]), str(make_header(decode_header(old["Subject"].replace("\r\n", ""))))}


def composed(name: str, **changed: object) -> bytes:
    message = about(name, language="en")
    recipient = EmailRecipient.model_validate({"channel": "email", "to": ["owner@example.com"], **changed})
    return _compose(replace(message, alert_id="Babc"), recipient)[0]


@pytest.mark.parametrize("name", [*FORGED, *NAMES])
def test_a_mail_has_our_headers_and_one_body(name: str) -> None:
    mail = composed(name)
    assert sorted(raw_headers(mail)) == OURS
    parsed = email.message_from_bytes(mail, policy=policy.SMTP)
    assert sorted(parsed.keys()) == OURS
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@settings(max_examples=150, deadline=None)
@given(name=hostile)
def test_a_subject_is_read_as_the_cleaned_name(name: str) -> None:
    cleaned = plain(name, 200)
    mail = header("Subject", name) + b"\r\nbody"
    assert raw_headers(mail) == ["Subject"]
    assert {text.strip() for text in subjects(mail)} == {cleaned.strip()}


@settings(max_examples=150, deadline=None)
@given(name=hostile)
def test_a_display_name_is_only_a_name(name: str) -> None:
    given_name = plain(name).replace("\\", "").replace('"', "")
    written = address_header("From", [f'"{given_name}" <owner@example.com>'])
    assert raw_headers(written + b"\r\n") == ["From"]
    (found,) = email.message_from_bytes(written + b"\r\n", policy=policy.SMTP)["From"].addresses
    assert found.addr_spec == "owner@example.com"


@settings(max_examples=100, deadline=None)
@given(text=hostile)
def test_what_is_no_address_is_refused_or_harmless(text: str) -> None:
    for tried in (text, f"{text}@example.com", f"owner@{text}", f"<owner@example.com{text}>"):
        if is_address(tried):
            assert raw_headers(address_header("To", [tried]) + b"\r\n") == ["To"]
        else:
            with pytest.raises(ValueError, match="address"):
                address_header("To", [tried])


@settings(max_examples=100, deadline=None)
@given(name=hostile)
def test_an_attachment_has_a_plain_name(name: str) -> None:
    mail = email.message.EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    mail.set_content("text")
    mail.add_attachment(b"x", "application", "octet-stream", filename=file_name(name))
    (part,) = email.message_from_bytes(mail.as_bytes(), policy=policy.SMTP).iter_attachments()
    assert sorted(part.keys()) == ["Content-Disposition", "Content-Transfer-Encoding", "Content-Type", "MIME-Version"]
    assert not any(unicodedata.category(c)[0] == "C" or c in '/\\"' for c in part.get_filename() or "")


def test_a_wrong_address_in_the_configuration_is_named() -> None:
    for wrong in ("owner", "owner@example.com\r\nBcc: x@example.com", "a b@example.com", "=?utf-8?q?x?=@[1]"):
        with pytest.raises(ValueError, match="mail address"):
            composed("x", to=[wrong])
        with pytest.raises(ValueError, match="mail address"):
            composed("x", **{"from": wrong})
