"""What the readers of the streams share: which errors cost one part of the data, and how they are told."""

from __future__ import annotations

from testio_analytics import errors
from testio_analytics.differences import Gap

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
