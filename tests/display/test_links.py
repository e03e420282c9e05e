"""A tracker key becomes a link to one place below the given address, whatever stands in the key."""

from __future__ import annotations

from urllib.parse import urlsplit

import pandas as pd
import pytest

from testio_analytics.display.html_table import html_table
from testio_analytics.display.links import link_html, tracker_addresses

TRACKER = "https://jira.example/browse/{key}"
KEYS = [
    "ABC-1",
    "javascript:alert(1)",
    "../../admin",
    "..",
    "a/b?c#d",
    '"><script>',
    "ä \u202e\ud800",
    "{key}",
    "\x1b[31m",
]


def test_without_a_tracker_nothing_is_a_link() -> None:
    """The key is text then."""
    assert tracker_addresses(["ABC-1"]) == {}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_leads_nowhere_but_below_the_address(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """It cannot change scheme, host or folder, and adds no query or fragment."""
    monkeypatch.setenv("TESTIO_TRACKER_URL", TRACKER)
    parts = urlsplit(tracker_addresses([key])[key])

    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "jira.example", "", "")
    assert parts.path.startswith("/browse/")
    assert "/" not in (rest := parts.path.removeprefix("/browse/"))
    assert rest not in {"", ".", ".."}


def test_a_column_of_keys_is_a_column_of_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing key stays a dash."""
    monkeypatch.setenv("TESTIO_TRACKER_URL", TRACKER)
    frame = pd.DataFrame({"external_idx": ["ABC-1", None]})
    html = html_table(frame, caption="Keys.", addresses={"external_idx": tracker_addresses(frame["external_idx"])}).html

    assert html.count(link_html("ABC-1", "https://jira.example/browse/ABC-1")) == 1
    assert html.count("<a ") == 1
