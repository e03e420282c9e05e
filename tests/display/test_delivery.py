"""Messages over real ports: what arrives, what is tried again, what is left alone, and that no address shows."""

from __future__ import annotations

import json
import logging
import shutil
import ssl
import subprocess
import traceback
from pathlib import Path

import pytest

from receivers import Reply, mail_receiver, web_receiver
from testio_analytics import errors
from testio_analytics.display.delivery import Service, Waits, deliver, open_service
from testio_analytics.reports.message import Message
from testio_analytics.text import for_chat

AT_ONCE = Waits(0, 0, 0)
HOSTILE = 'Bug "<!channel> @here @everyone [pay](http://evil.example) <b>x</b> <at>all</at> <@U123>"'
SECRET = "planted-secret-5d1f"
TEXT = Message(for_chat(f"Subject {HOSTILE}"), (for_chat(HOSTILE), "second line"), "testio-analytics changes")
SOON = ("Retry-After", "0")


def json_service(port: int) -> Service:
    """Return a service by HTTP on this machine, whose answer is waited for shortly."""
    return open_service(f"json://127.0.0.1:{port}/{SECRET}?rto=0.2")


@pytest.mark.parametrize(
    ("replies", "kind", "requests"),
    [
        pytest.param([Reply()], None, 1, id="taken"),
        pytest.param([Reply(500), Reply(429, [SOON]), Reply(503), Reply()], None, 4, id="recovers"),
        pytest.param([Reply(500)] * 9, errors.NotSentError, 4, id="fails"),
        pytest.param([Reply(404)], errors.NotSentError, 1, id="wrong address"),
        pytest.param([Reply(302, [("Location", "/elsewhere")])], errors.NotSentError, 1, id="moved"),
        pytest.param([Reply(None)], errors.PerhapsSentError, 1, id="no answer"),
        pytest.param([Reply(504)], errors.PerhapsSentError, 1, id="no answer behind a gateway"),
    ],
)
def test_what_may_have_arrived_is_not_sent_again(
    replies: list[Reply], kind: type[errors.NotSentError] | None, requests: int
) -> None:
    """What certainly did not arrive is tried again where that can help; a message of which nobody knows is left alone."""
    caught: errors.NotSentError | None = None
    with web_receiver(*replies) as receiver:
        try:
            deliver(json_service(receiver.port), TEXT, waits=AT_ONCE)
        except errors.NotSentError as error:
            caught = error

    assert len(receiver.got) == requests
    assert isinstance(caught, errors.PerhapsSentError) == (kind is errors.PerhapsSentError)
    assert (caught is None) == (kind is None)


def test_a_service_that_is_not_there_got_nothing() -> None:
    """No connection: certainly not sent."""
    with web_receiver() as receiver:
        port = receiver.port
    with pytest.raises(errors.NotSentError, match="after 4 tries") as caught:
        deliver(json_service(port), TEXT, waits=AT_ONCE)
    assert not isinstance(caught.value, errors.PerhapsSentError)


def test_nothing_shows_the_address(caplog: pytest.LogCaptureFixture) -> None:
    """Neither error, traceback, `repr` nor a log at its most talkative, whatever the service does; nor is a token sent."""
    caplog.set_level(logging.DEBUG)
    texts = []
    with web_receiver(Reply(404), Reply(None), Reply()) as receiver:
        service = json_service(receiver.port)
        texts.append(repr(service))
        for _ in range(2):
            try:
                deliver(service, TEXT, waits=AT_ONCE)
            except errors.NotSentError:
                texts.append(traceback.format_exc())
        deliver(service, TEXT, waits=AT_ONCE)
    with pytest.raises(errors.ConfigError) as unknown:
        open_service(f"nonsense://{SECRET}")

    assert len(texts) == 3
    assert SECRET not in "".join([*texts, caplog.text, str(unknown.value)])
    assert receiver.got[0][0] == f"/{SECRET}"
    assert not {"Authorization", "Cookie"} & {*receiver.got[0][1]}


def test_mail_of_a_real_server_is_plain_text_and_tried_again() -> None:
    """A mail that the server cannot take now is handed over again; what is hostile stands there as text."""
    with mail_receiver("451 busy") as receiver:
        deliver(
            open_service(f"mailto://127.0.0.1:{receiver.port}?from=a@b.example&to=c@d.example"), TEXT, waits=AT_ONCE
        )

    (mail,) = receiver.got
    assert mail["Subject"] == TEXT.subject
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines()[:2] == [*TEXT.lines]


def test_a_mail_that_is_refused_is_not_tried_again() -> None:
    """A permanent refusal is told at once."""
    with mail_receiver("554 no") as receiver, pytest.raises(errors.NotSentError, match="answered 554"):
        deliver(
            open_service(f"mailto://127.0.0.1:{receiver.port}?from=a@b.example&to=c@d.example"), TEXT, waits=AT_ONCE
        )
    assert receiver.got == []


def test_slack_gets_text_that_calls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the shape of Slack's webhook; only the constant with Slack's host leads here."""
    slack = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
    service = open_service(slack)
    with web_receiver(Reply(429, [SOON])) as receiver:
        monkeypatch.setattr(type(service.plugin), "webhook_url", f"http://127.0.0.1:{receiver.port}/services")
        deliver(service, TEXT, waits=AT_ONCE)

    sent = json.loads(receiver.got[-1][2])
    assert len(receiver.got) == 2 and sent["mrkdwn"] is False
    (part,) = sent["attachments"]
    for text in (part["title"], part["text"]):
        assert "&lt;\u200b!channel" in text and "<" not in text
        assert "@here" not in text and "@everyone" not in text


def certificate(folder: Path) -> ssl.SSLContext:
    """Return the context of a server with a certificate that it made itself."""
    key, own = folder / "key.pem", folder / "own.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {own} -days 2 -subj /CN=127.0.0.1"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    return context


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_teams_gets_a_card_that_calls_nobody(tmp_path: Path) -> None:
    """In the shape of Teams' workflows, over TLS; the text is shortened to its thousand characters and says by how much."""
    many = Message(TEXT.subject, (*TEXT.lines, *(f"Feature {number} is new." for number in range(200))), "the command")
    with web_receiver(Reply(503), Reply(202), tls=certificate(tmp_path)) as receiver:
        deliver(open_service(f"workflows://127.0.0.1:{receiver.port}/wf/sig?verify=no"), many, waits=AT_ONCE)
        with pytest.raises(errors.NotSentError, match="certificate"):
            deliver(open_service(f"workflows://127.0.0.1:{receiver.port}/wf/sig"), many, waits=AT_ONCE)

    card = json.loads(receiver.got[-1][2])["attachments"][0]["content"]
    text = card["body"][-1]["text"]
    assert len(receiver.got) == 2 and "entities" not in card["msteams"]
    assert len(text) <= 1000 and "](http" not in text and "<at>" not in text
    kept = text.count("is new")
    assert 10 < kept < 200 and f"{200 - kept} more lines" in text
