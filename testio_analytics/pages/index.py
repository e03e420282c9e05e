"""The page that leads to the pages of each product."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from testio_analytics.display.cells import UNKNOWN, range_words
from testio_analytics.display.markdown import for_markdown
from testio_analytics.frames.mirror import Mirror
from testio_analytics.pages.page import html_page
from testio_analytics.pages.subject import Subject
from testio_analytics.reports.coverage import coverage_by_product

OVERVIEW = "00_overview"


def index_page(mirror: Mirror, sets: Mapping[str, Subject], *, facts: Sequence[str]) -> str:
    """Return the page that leads to the pages of each product, with how much of it was tested.

    Args:
        mirror: what was read.
        sets: what the pages in each folder are about: one product each.
        facts: what the footer says.
    """
    import nbformat

    new: Any = nbformat.v4
    rows = {row["product_id"]: row for row in coverage_by_product(mirror).to_dict("records")}
    lines = [
        _index_row(f"{folder}/{one.file(OVERVIEW)}", one.words, rows[one.product_ids[0]])
        for folder, one in sets.items()
        if one.product_ids
    ]
    head = [
        "| Product | Active features | Never tested | Recently tested | Complete |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    text = "\n".join(
        ["# Reports by product", "", "> One folder a product; each opens with its overview.", "", *head, *lines]
    )
    title = Subject(None, (), mirror.instant()).title("Reports by product")
    return html_page(new.new_notebook(cells=[new.new_markdown_cell(text)]), title=title, facts=[*facts, "index"])


def _index_row(address: str, name: str, row: Mapping[Hashable, Any]) -> str:
    figures = [
        UNKNOWN if pd.isna(row[least]) else range_words(f"{row[least]:,}", f"{row[most]:,}")
        for least, most in (
            ("active_features", "active_features"),
            ("never_executed", "never_executed_highest"),
            ("recent_covered", "recent_covered_highest"),
        )
    ]
    return f"| [{for_markdown(name)}]({address}) | {' | '.join(figures)} | {'yes' if row['is_complete'] else 'no'} |"
