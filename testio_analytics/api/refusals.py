"""What a status other than 200 means: which error it is, and whether, and when, another try may help."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from testio_analytics import errors
from testio_analytics.config import help_with_token

LONGEST_WAIT_SECONDS = 60.0
REPORT_IT = "If it stays so, the API has changed or there is something between you and it (a proxy, a login page)."

PASSING_STATUSES = frozenset({408, 425, 429})
"""Statuses below 500 that may pass by themselves: too slow, too early, too many."""

PASSING_ERRORS = (
    errors.RateLimitedError,
    errors.ServerError,
    errors.ConnectionFailedError,
    errors.UnreadableAnswerError,
)
"""What another try may mend."""


def status_error(status: int, path: str, detail: str, *, retry_after: str | None = None) -> errors.ApiError:
    """Return the error for a status that is not 200, with what to do about it; `retry_after` is that header."""
    if status == 401:
        return errors.AuthenticationError(
            f"The API refused the token (401 at GET {path}).{detail} {help_with_token()}", path=path, status=status
        )
    if status in {403, 404}:
        return errors.NotFoundError(
            f"GET {path} answered {status}: there is no such object, or this token has no right to it.{detail} "
            "`testio-analytics status` lists the products that were synced.",
            path=path,
            status=status,
        )
    if status in PASSING_STATUSES or status >= 500:
        error = _passing_error(status, path, detail)
        error.retry_after = retry_after_seconds(retry_after, now=datetime.now(UTC))
        return error
    return errors.RequestRefusedError(f"GET {path} answered {status}.{detail} {REPORT_IT}", path=path, status=status)


def _passing_error(status: int, path: str, detail: str) -> errors.ApiError:
    """Return the error for a status that may pass by itself."""
    if status == 429:
        return errors.RateLimitedError(
            f"GET {path} answered 429: too many requests.{detail} Try again later, or with a smaller --concurrency.",
            path=path,
            status=status,
        )
    return errors.ServerError(
        f"GET {path} answered {status}.{detail} The fault is the server's; try again later.", path=path, status=status
    )


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """Return the wait that a ``Retry-After`` header asks for, in seconds from `now`; None where it asks for none.

    Both forms are read: a number of seconds and an HTTP date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_SECONDS) if len(text) < 10 else LONGEST_WAIT_SECONDS
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), LONGEST_WAIT_SECONDS)


def retry_delay(error: Exception) -> bool | float:
    """Decide whether another try can help, and after how many seconds where the server said so."""
    if not isinstance(error, PASSING_ERRORS):
        return False
    return error.retry_after or True  # 0 means soon, not at once: all tries would be gone within a second
