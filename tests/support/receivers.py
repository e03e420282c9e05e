"""Real receivers of messages on this machine: a web server and a mail server that misbehave as told, and recover."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from waiting import PATIENCE


@dataclass(frozen=True)
class Reply:
    """How one request is answered: with a status and headers, or, without status, not before the client gives up."""

    status: int | None = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b"ok"


@dataclass
class WebReceiver:
    """A web server that keeps what it was sent.

    Attributes:
        port: where it listens.
        replies: how the next requests are answered, in order; all later ones with 200.
        got: path, headers and body of each request.
        was_asked: set as soon as a request came.
    """

    port: int
    replies: list[Reply]
    got: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    receiver: WebReceiver
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        receiver.got.append((self.path, dict(self.headers), text))
        reply = receiver.replies.pop(0) if receiver.replies else Reply()
        receiver.was_asked.set()
        if reply.status is None:
            receiver.is_over.wait(PATIENCE)
            return
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def web_receiver(*replies: Reply, tls: Any = None) -> Iterator[WebReceiver]:
    """Serve on a free port; `tls` is a server's SSL context."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.receiver = WebReceiver(server.server_address[1], list(replies))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.receiver
    finally:
        server.receiver.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class MailReceiver:
    """What a mail server keeps and says: `replies` to the next mails, in order, then all are taken."""

    taken: ClassVar[str] = "250 OK"

    def __init__(self, replies: Sequence[str]) -> None:
        self.replies = list(replies)
        self.got: list[EmailMessage] = []
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail, or answer as told."""
        reply = self.replies.pop(0) if self.replies else self.taken
        if reply == self.taken:
            content = envelope.content
            assert isinstance(content, bytes)
            message = message_from_bytes(content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.got.append(message)
        return reply


class _OnFreePort(Controller):
    """Its own check whether it serves asks the port that it was told, which is none yet."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_receiver(*replies: str) -> Iterator[MailReceiver]:
    """Take mails on a free port."""
    receiver = MailReceiver(replies)
    controller = _OnFreePort(receiver, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        receiver.port = controller.port
        yield receiver
    finally:
        controller.stop()
