"""Messages handed to whatever service an address names, by way of apprise.

The address opens the service, so it is a secret: it stands in no error, log or `repr` that comes out of here.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import stamina

from testio_analytics import errors
from testio_analytics.config import NOTIFY_URL_HELP
from testio_analytics.reports.message import Message, body
from testio_analytics.text import short

ATTEMPTS = 4
CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 60.0

TITLE_MARKS = 30
"""Characters that apprise puts around a title on top of a body, at most."""

MISSING = (
    "Messages need the package apprise, which is not installed: pip install 'apprise>=2.3' "
    "(or this package again with its extra, '.[notify]')."
)


@dataclass(frozen=True)
class Waits:
    """How long is waited between two tries, in seconds: the first wait, the longest, the random share added."""

    initial: float = 2.0
    longest: float = 30.0
    jitter: float = 2.0


@dataclass(frozen=True)
class Service:
    """Where messages go.

    Attributes:
        name: what kind of service it is, like "Slack".
        plugin: what apprise made of the address.
        longest_title, longest_body: most characters of each; 0 for a title that stands on top of the body.
        most_lines: most lines of a body; 0 for any number.
    """

    name: str
    plugin: Any = field(repr=False)
    longest_title: int
    longest_body: int
    most_lines: int


def open_service(address: str) -> Service:
    """Return the service that an address names; nothing is sent yet.

    Raises:
        ConfigError: apprise is not installed, or knows no such address.
    """
    try:
        from apprise import Apprise, AppriseAsset
    except ImportError:
        raise errors.ConfigError(MISSING) from None
    # A redirected message would become a question for another address, which a 200 answers.
    asset = AppriseAsset(app_id="testio-analytics", http_redirects=False, image_url_mask="", image_path_mask=False)
    with _unlogged():
        try:
            plugin: Any = Apprise.instantiate(address, asset=asset)
        except Exception:  # noqa: BLE001  whatever it says may quote the address
            plugin = None
    if plugin is None:
        raise errors.ConfigError(f"The address that messages go to is none that apprise knows. {NOTIFY_URL_HELP}")
    plugin.request_rate_per_sec = 0  # it is one message, and the waits between tries are ours
    for name, seconds in (("socket_connect_timeout", CONNECT_SECONDS), ("socket_read_timeout", ANSWER_SECONDS)):
        if getattr(plugin, name) == getattr(type(plugin), name):  # none stands in the address
            setattr(plugin, name, seconds)
    return Service(
        str(plugin.service_name), plugin, plugin.title_maxlen, plugin.body_maxlen, plugin.body_max_line_count
    )


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep apprise, and what it sends with, from logging and warning: their texts quote addresses."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def deliver(service: Service, message: Message, *, waits: Waits | None = None) -> None:
    """Send a message; what certainly did not arrive is tried again a few times where that can help.

    Raises:
        NotSentError: it did not arrive.
        PerhapsSentError: it is not known whether it arrived; it is not tried again then, so as not to say it twice.
    """
    waits = waits or Waits()
    title, text = _title(service, message), body(message, _fitting(service, message))
    with _unlogged():
        for attempt in stamina.retry_context(
            on=_delay,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=waits.initial,
            wait_max=waits.longest,
            wait_jitter=waits.jitter,
        ):
            with attempt:
                _try(service, title, text, attempt.num)


class _AgainError(errors.NotSentError):
    """It did not arrive, and another try can help, after so many seconds where the service said so."""

    wait: float | None = None


def _delay(error: Exception) -> bool | float:
    return (error.wait or True) if isinstance(error, _AgainError) else False


def _try(service: Service, title: str, text: str, number: int) -> None:
    from apprise import NotifyFormat, OverflowMode

    from testio_analytics.display.exchanges import verdict, watched

    with watched() as seen:
        try:
            was_sent = service.plugin.notify(
                body=text, title=title, body_format=NotifyFormat.TEXT, overflow=OverflowMode.TRUNCATE
            )
        except Exception as error:  # noqa: BLE001  its text may quote the address
            raise errors.PerhapsSentError(
                f"The message to {service.name} may or may not have arrived: {type(error).__name__} while it was sent."
            ) from None
    found = verdict(bool(was_sent), seen)
    said = next((f": {one.said}" for one in reversed(seen) if one.said), "")
    if found == "unknown":
        raise errors.PerhapsSentError(f"The message to {service.name} may or may not have arrived{said}.")
    tries = "" if number == 1 else f" after {number} tries"
    if found == "refused":
        raise errors.NotSentError(f"The message to {service.name} was not sent{tries}{said}. Is the address right?")
    if found == "again":
        again = _AgainError(f"The message to {service.name} was not sent{tries}{said}. Try again later.")
        again.wait = seen[-1].wait
        raise again


# -- length --------------------------------------------------------------------------------------------------------


def _title(service: Service, message: Message) -> str:
    return short(message.subject, service.longest_title) if service.longest_title > 0 else message.subject


def _fitting(service: Service, message: Message) -> Callable[[str], bool]:
    """Return what says whether a body fits into one message of the service, in the form in which that gets it."""
    from apprise import NotifyFormat
    from apprise.conversion import convert_between

    plugin = service.plugin
    form = plugin.resolve_format(NotifyFormat.TEXT)

    def length(text: str) -> int:
        convert: Any = convert_between
        return len(plugin.dialect_convert(convert(NotifyFormat.TEXT, form, text), form))

    # A title that the service has no place for stands on top of the body, with marks around it.
    above = 0 if service.longest_title > 0 else length(message.subject) + TITLE_MARKS

    def fits(text: str) -> bool:
        lines = text.count("\n") + 1 + bool(above)
        return above + length(text) <= service.longest_body and lines <= (service.most_lines or lines)

    return fits
