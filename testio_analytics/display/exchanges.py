"""What a try to send a message came to, judged by what was exchanged with the service.

apprise says only whether it worked. Whether the message may have arrived all the same, and whether another try can help,
shows in the answers and errors of the two libraries that it sends with, so these are watched while it does.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import requests
from urllib3.exceptions import NewConnectionError

from testio_analytics.api.refusals import PASSING_STATUSES, retry_after_seconds

Verdict = Literal["sent", "again", "refused", "unknown"]
"""It arrived; it did not, and another try can help; it did not, and none can; nobody knows."""

GATEWAY_TIMEOUTS = frozenset({504, 524})
"""Statuses by which somebody in between says that no answer came; what was sent may have arrived."""

ASKING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods by which a service is asked something, and nothing is handed over."""


@dataclass(frozen=True)
class Exchange:
    """One request and what came of it.

    Attributes:
        may_have_arrived: whether what it carried may have arrived.
        may_pass: whether another try can help.
        wait: the seconds that the service asked to wait, where it did.
        said: what came of it, in a few words without any address.
    """

    may_have_arrived: bool
    may_pass: bool
    wait: float | None = None
    said: str = ""


def verdict(was_sent: bool, seen: Sequence[Exchange]) -> Verdict:
    """Return what a try came to; of services that are not watched, a failure says nothing."""
    if was_sent:
        return "sent"
    if not seen or any(one.may_have_arrived for one in seen):
        return "unknown"
    return "again" if seen[-1].may_pass else "refused"


@contextmanager
def watched() -> Iterator[list[Exchange]]:
    """Note what is exchanged by HTTP and SMTP meanwhile, in order."""
    seen: list[Exchange] = []
    wrapped = [(owner, name, getattr(owner, name)) for owner, name, _ in WATCHED]
    for owner, name, judge in WATCHED:
        setattr(owner, name, _noting(getattr(owner, name), judge, seen))
    try:
        yield seen
    finally:
        for owner, name, function in wrapped:
            setattr(owner, name, function)


def _noting(function: Callable[..., Any], judge: Callable[[Any], Exchange], seen: list[Exchange]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        try:
            result = function(*args, **options)
        except Exception as error:
            seen.append(judge(error))
            raise
        seen.append(judge(result))
        return result

    return call


# -- HTTP ----------------------------------------------------------------------------------------------------------


def of_request(result: requests.Response | Exception) -> Exchange:
    """Return what an answer, or the error in its place, says of the request."""
    if isinstance(result, requests.Response):
        return _of_answer(result)
    if isinstance(result, requests.ConnectTimeout | requests.exceptions.ProxyError) or _never_connected(result):
        return Exchange(False, True, said="no connection to the service")
    if isinstance(result, requests.exceptions.SSLError):
        return Exchange(False, False, said="its certificate could not be verified")
    if isinstance(result, requests.Timeout):
        return Exchange(True, False, said="no answer in time")
    if isinstance(result, ValueError):  # what is no address
        return Exchange(False, False, said="the address cannot be used")
    return Exchange(True, False, said="the connection broke before an answer came")


def _never_connected(error: Exception) -> bool:
    return any(isinstance(getattr(cause, "reason", None), NewConnectionError) for cause in error.args)


def _of_answer(answer: requests.Response) -> Exchange:
    status, said = answer.status_code, f"the service answered {answer.status_code}"
    if status < 300:
        return Exchange(answer.request.method not in ASKING, True, said=said)
    if status in GATEWAY_TIMEOUTS:
        return Exchange(True, False, said=said)
    wait = retry_after_seconds(answer.headers.get("Retry-After"), now=datetime.now(UTC))
    return Exchange(False, status in PASSING_STATUSES or status >= 500, wait, said)


# -- SMTP ----------------------------------------------------------------------------------------------------------


def of_opening(result: object) -> Exchange:
    """Return what connecting or logging in came to: no mail was handed over yet."""
    if isinstance(result, smtplib.SMTPAuthenticationError):
        return Exchange(False, False, said="the mail server refused the login")
    return Exchange(False, True, said="no connection to the mail server")


def of_mail(result: dict[str, Any] | Exception) -> Exchange:
    """Return what handing over one mail came to; the result are the recipients that were refused while others were not."""
    if isinstance(result, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in result.recipients.values()]
        return Exchange(False, all(map(_passes, codes)), said="the mail server refused the recipients")
    if isinstance(result, smtplib.SMTPResponseException):
        said = f"the mail server answered {result.smtp_code}"
        return Exchange(False, _passes(result.smtp_code), said=said)
    return Exchange(
        True, False, said="the connection to the mail server broke" if isinstance(result, Exception) else ""
    )


def _passes(code: int) -> bool:
    return 400 <= code < 500


WATCHED: Sequence[tuple[Any, str, Callable[[Any], Exchange]]] = (
    (requests.Session, "send", of_request),
    (smtplib.SMTP, "connect", of_opening),
    (smtplib.SMTP, "login", of_opening),
    (smtplib.SMTP, "sendmail", of_mail),
)
