"""What changed as Markdown: headings with counts, shortened lists, and texts that do not act where they are pasted."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hostile import TEXTS
from small_account import feature_payload, small_account
from syncing import NOW, sync_account
from testio_analytics.display.markdown import changes_markdown, for_markdown
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.changes import changes_since

EVIL = "a|b `x` [y](https://e.example) @all <!channel> <img src=x> #12 *b* _i_ ~s~ www.e.example $m$\n# head"


def test_no_text_of_the_api_acts(tmp_path: Path) -> None:
    """Neither markup nor HTML nor a mention, a link, a reference to a ticket, or another row of the table."""
    said = for_markdown(EVIL)

    assert "\n" not in said
    assert "<" not in said.replace("&lt;", "")
    for acting in ("@all", "https://", "#12", "www.e"):
        assert acting not in said
    for sign in "|`[]*_~$":
        assert all(said[place - 1] == "\\" for place, one in enumerate(said) if one == sign)


@given(st.one_of(TEXTS, st.text("|`[]*_~$\\<>@#&\n\r a1", max_size=30)))
def test_each_sign_of_markup_is_escaped_once(text: str) -> None:
    """A backslash of the text itself escapes nothing: before each sign stands an odd number of backslashes."""
    said = for_markdown(text)

    for place, one in enumerate(said):
        if one in "|`[]*_~$":
            before = said[:place]
            assert (len(before) - len(before.rstrip("\\"))) % 2 == 1
    assert not {"<", ">", "\n", "\r"} & {*said}


def test_headings_have_counts_and_lists_an_end(tmp_path: Path) -> None:
    """Twelve of fifteen new features are "and 12 more" below a heading that counts all."""
    account = small_account()
    sync_account(account, tmp_path / "m.db")
    for number in range(15):
        account.add_feature(1, feature_payload(150 + number) | {"title": EVIL, "user_stories": []})
    sync_account(account, tmp_path / "m.db", now=NOW.replace(hour=7))
    said = changes_markdown(changes_since(load_mirror(tmp_path / "m.db")), most=3)

    assert said.startswith("**15 features added since 30 June 2026, 06:00 UTC.**")
    assert "### Features added (15)\n\n- a\\|b" in said
    assert said.count("\n- a") == 3 + 1
    assert "\n- and 12 more\n" in said
    assert "| Active features | 8 | 23 | +15 |  |" in said
