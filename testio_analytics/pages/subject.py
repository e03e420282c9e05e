"""What a set of pages is about: whose products, as of when; so named in titles, headings, and names of files."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.text import day_words, listed, one_line, short

LONGEST_FILE_NAME = 40
MOST_IN_FILE_NAMES = 2
"""Products that names of files give by name; of more, they give the number."""


@dataclass(frozen=True)
class Subject:
    """What a set of pages is about.

    Attributes:
        product_ids: its products; None for all.
        products: their names; none for all.
        as_of: the report date.
    """

    product_ids: tuple[int, ...] | None
    products: tuple[str, ...]
    as_of: pd.Timestamp

    @property
    def words(self) -> str:
        """The products, for a heading; empty for all."""
        return listed([short(one_line(name)) for name in self.products])

    @property
    def slug(self) -> str:
        """The products, for names of files: plain letters, digits and hyphens; empty for all."""
        if self.product_ids is None:
            return ""
        if len(self.product_ids) > MOST_IN_FILE_NAMES:
            return f"{len(self.product_ids)}-products"
        pairs = zip(self.product_ids, self.products, strict=True)
        return "-".join(_slug(name) or f"product-{key}" for key, name in pairs)

    @property
    def folder(self) -> str:
        """The name of the folder for one product among others, which may have the same name."""
        return "-".join([self.slug, *map(str, self.product_ids or ())])

    def file(self, name: str, ending: str = ".html") -> str:
        """Return the file name of the page of that name."""
        return f"{name}{f'-{self.slug}' if self.slug else ''}{ending}"

    def title(self, title: str) -> str:
        """Return the title of a page: what it shows, of what, as of when."""
        return " · ".join(part for part in (title, self.words, day_words(self.as_of)) if part)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return "-".join(re.findall("[a-z0-9]+", plain))[:LONGEST_FILE_NAME].strip("-")


def subject_of(mirror: Mirror) -> Subject:
    """Return what the pages of a mirror are about."""
    ids = mirror.product_ids
    names = () if ids is None else tuple(mirror.product_names[key] for key in ids)
    return Subject(ids, names, mirror.instant())
