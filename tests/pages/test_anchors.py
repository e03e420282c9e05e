"""Places within a page, and links from names to their views."""

from __future__ import annotations

import re

import pandas as pd

from browser import notebook_of
from testio_analytics.display.html_table import html_table
from testio_analytics.pages.anchors import contents, linked, with_anchors
from testio_analytics.pages.build import html_page


def test_every_heading_and_table_has_an_id_of_its_own() -> None:
    """Tables are called what they are called, headings by their words; the second of a name gets a number."""
    frame = pd.DataFrame({"feature": ["a"]})
    table = html_table(frame, caption="C.", download="changes.csv").html
    body = with_anchors(
        f"<h1>Changes</h1><h2>What's <em>new</em>?</h2>{table}<h2>東京</h2>{table}<h3>?</h3><h2>What s new</h2>"
    )

    assert re.findall(r'<\w+ id="([^"]*)"', body) == [
        "changes-3", "what-s-new", "changes", "東京", "changes-2", "part", "what-s-new-2"
    ]  # fmt: skip
    assert re.findall('<a href="#(.*?)">(.*?)</a>', contents(body)) == [
        ("what-s-new", "What&#x27;s new?"),
        ("東京", "東京"),
        ("what-s-new-2", "What s new"),
    ]
    assert contents("<h2 id='a'>Only one</h2>") == ""


def test_hostile_headings_and_names_stay_text() -> None:
    """What a heading or name says becomes neither markup nor an address."""
    frame = pd.DataFrame({"feature": ['</span><script>"'], "feature_id": [3]})
    table = html_table(frame, caption="C.", about={"feature": ("feature", "feature_id")})
    heads = '# T\n\n## <img src=x onerror="hit()">\n\n## B "quoted"\n\n## C'
    html = html_page(notebook_of(heads, table), title="T", siblings=[("explore.html", "Explore")])

    assert '<a href="explore.html#feature-3">&lt;/span&gt;&lt;script&gt;&quot;</a>' in html
    assert "<img" not in html
    assert all(re.fullmatch(r"[\w.-]+", place) for place in re.findall(r'id="([^"]*)"', html))
    assert html.count('<a href="#') == 3


def test_names_are_links_only_where_the_views_are() -> None:
    """Without the page of views beside it a name stays text."""
    frame = pd.DataFrame({"feature": ["Seat map", "None"], "feature_id": pd.array([7, None], dtype="Int64")})
    table = html_table(frame, caption="C.", about={"feature": ("feature", "feature_id")})

    assert linked(table.html, "explore-ä b.html").count('<a href="explore-%C3%A4%20b.html#feature-7">') == 1
    assert "explore.html" not in html_page(notebook_of("# T", table), title="T", siblings=[("b.html", "B")])
