"""What the readers of the streams share: which errors cost one part of the data, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable

from testio_analytics import errors
from testio_analytics.mirror.diff import Gap
from testio_analytics.mirror.streams.due import Known

# What costs one part of the data. A refused token or a redirect to a stranger costs everything, and stops the run.
GAP_ERRORS = (
    errors.NotFoundError,
    errors.RequestRefusedError,
    errors.ServerError,
    errors.RateLimitedError,
    errors.ConnectionFailedError,
    errors.UnreadableAnswerError,
)


def gap_of(stream: str, where: str, error: errors.ApiError, product_id: int) -> Gap:
    """Return the gap that an error leaves."""
    return Gap(stream, where, str(error), error.attempts, product_id)


def unlisted_gap(stream: str, product_id: int, known: Known) -> Iterable[Gap]:
    """Name the gap of a product whose tests were never read: what they found cannot be known."""
    if not known.is_listed:
        reason = "the tests of this product were never read, so it is not known which there are"
        yield Gap(stream, f"{stream} of all tests", f"{reason}. Sync the stream tests as well", 0, product_id)
