"""The error tree: every failure that this package raises on purpose.

::

    TestioError
    ├── ConfigError            a setting is missing or unusable
    ├── ApiError               the API could not be asked, or did not answer usefully
    │   ├── AuthenticationError    401: the token is missing, wrong or revoked
    │   ├── NotFoundError          404 or 403: no such object for this token
    │   ├── RequestRefusedError    another 4xx, 422 among them
    │   ├── ServerError            5xx, 524, 408 and 425, after all tries
    │   ├── RateLimitedError       429, after all tries
    │   ├── ConnectionFailedError  no connection, a dropped one, or a timeout, after all tries
    │   ├── UnreadableAnswerError  not JSON, or not the JSON that this address answers with
    │   ├── OutageError            one request after the other fails, also what worked before
    │   └── RedirectRefusedError   the answer points at another host
    ├── StoreError             the database could not be used
    │   ├── DatabaseMissingError   no file there yet
    │   ├── SchemaVersionError     the file is of another schema version
    │   └── LockedError            another sync is writing
    ├── ReportError            a report, notebook or page could not be made
    ├── NotSentError           a message was not sent
    │   └── PerhapsSentError       it is not known whether it arrived
    └── UnknownValueError      an argument that is none of the allowed ones (also a ValueError)
        ├── UnusedOptionError      an option that the report asked for does not use
        └── UnclearNameError       a title or id that nothing has, or several things

A message says what was attempted, what was found, and what to do next. No message holds a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class TestioError(Exception):
    """Base of all errors of this package."""

    __test__ = False  # pytest must not collect it for its name


class ConfigError(TestioError):
    """A setting is missing or unusable."""


class ApiError(TestioError):
    """The API could not be asked, or did not answer usefully.

    Attributes:
        path: the path below the base address, with its query, that was asked for.
        status: the HTTP status, or None when there was no answer.
        attempts: how often it was tried.
        said: the server's own words, where it had any.
        retry_after: the seconds that the server asked to wait, where it did.
    """

    said: str = ""
    retry_after: float | None = None

    def __init__(self, message: str, *, path: str = "", status: int | None = None, attempts: int = 1) -> None:
        super().__init__(message)
        self.path = path
        self.status = status
        self.attempts = attempts


class AuthenticationError(ApiError):
    """The token is missing, wrong or revoked."""


class NotFoundError(ApiError):
    """There is no such object, or not for this token."""


class RequestRefusedError(ApiError):
    """The API refused the request as such (4xx)."""


class ServerError(ApiError):
    """The server failed, or was too slow or too early, on every try (5xx, 408, 425)."""


class RateLimitedError(ApiError):
    """The server asked for fewer requests on every try (429)."""


class ConnectionFailedError(ApiError):
    """No connection, a dropped one, or no whole answer in time, on every try."""


class UnreadableAnswerError(ApiError):
    """The answer was not JSON, or not of the documented shape."""


class OutageError(ApiError):
    """One request after the other was given up, and what had worked before fails as well: asking on is no use."""


class RedirectRefusedError(ApiError):
    """The answer points at another host; the token is not taken there."""


class StoreError(TestioError):
    """The database could not be used."""


class DatabaseMissingError(StoreError):
    """There is no database at that path."""


class SchemaVersionError(StoreError):
    """The database is of a schema version that this package cannot use as it is."""


class LockedError(StoreError):
    """Another sync is writing to this database."""


class ReportError(TestioError):
    """A report, notebook or page could not be made."""


class NotSentError(TestioError):
    """A message was not sent, and it is certain that it did not arrive."""


class PerhapsSentError(NotSentError):
    """It is not known whether a message arrived."""


class UnknownValueError(TestioError, ValueError):
    """An argument is none of the allowed values."""

    def __init__(self, what: str, value: object, allowed: Iterable[object]) -> None:
        self.value = value
        self.allowed = tuple(allowed)
        choices = ", ".join(str(choice) for choice in self.allowed)
        super().__init__(f"{what} is {value!r}; it must be one of: {choices}.")


class UnusedOptionError(UnknownValueError):
    """An option was given that would change nothing."""

    def __init__(self, report: str, option: str, users: Sequence[str], others: Sequence[str]) -> None:
        self.value = option
        self.allowed = tuple(users)
        which = ", ".join(users) if len(users) < len(others) else f"all but {', '.join(others)}"
        TestioError.__init__(self, f"The report {report} does not use {option}; these do: {which}.")


class UnclearNameError(UnknownValueError):
    """Nothing has that title or id, or several things have it."""

    def __init__(self, noun: str, name: object, candidates: Sequence[str], *, is_known: bool) -> None:
        self.value = name
        self.allowed = tuple(candidates)
        listed = "".join(f"\n  {one}" for one in candidates)
        if is_known:
            said = f"{name!r} is the title of more than one {noun}. Give the id of one of them:{listed}"
        else:
            nothing = " Nothing is near to it: write the id, or another word of the title."
            said = f"No {noun} has the title or id {name!r}.{f' Close to it:{listed}' if candidates else nothing}"
        TestioError.__init__(self, said)
