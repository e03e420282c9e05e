"""Text packed into a page: compressed with gzip and written in base64, the same bytes each time; and unpacked again."""

from __future__ import annotations

import binascii
import gzip
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator

from testio_analytics.errors import ReportError

PACKED = re.compile(r"(?<![A-Za-z0-9+/])H4sI[A-Za-z0-9+/]+={0,2}")
"""How packed text is found: every file of gzip begins with these letters in base64."""


def packed(text: str) -> str:
    """Return the text compressed, in letters that stand in an attribute or a ``data:`` address as they are."""
    return b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")


def unpacked(page: str) -> Iterator[str]:
    """Return every text that is packed into the page.

    Raises:
        ReportError: something begins like packed text and cannot be unpacked, so that nobody can say what it holds.
    """
    for found in PACKED.finditer(page):
        try:
            yield gzip.decompress(b64decode(found.group(), validate=True)).decode("utf-8")
        except (binascii.Error, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise ReportError("A page holds compressed data that cannot be read back; nobody can check it.") from error
