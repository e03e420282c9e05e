"""What HTML of ours may consist of, and texts that try to add to it."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import strategies as st

from testio_analytics.display.blocks import Block

HOSTILE = [
    "<script>window.hit = 1</script>",
    "</td></table><img src=x onerror='window.hit=1'>",
    '" onmouseover="window.hit=1',
    "' autofocus onfocus='window.hit=1",
    "=cmd|' /C calc'!A0",
    "[x](javascript:window.hit=1)",
    "&lt;b&gt;",
    "\u202eevil\x00\x1b[31m",
    "שלום עולם 12",
    "🚢" * 300,
    "x" * 100_000,
    "</script>",
    "{{ 7 * 7 }}",
    "",
]
ANY_TEXT = st.one_of(st.text(st.characters(exclude_categories=()), max_size=40), st.sampled_from(HOSTILE))


class Elements(HTMLParser):
    """Collects tags, their attributes and the text of a piece of HTML, and checks that it is balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append(tag)
        self.open += [] if tag == "br" else [tag]
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.texts.append(data)

    def values(self, name: str) -> list[str | None]:
        """Return the values of an attribute, in order."""
        return [value for _, found, value in self.attributes if found == name]


TAGS = set(
    "div table caption thead tbody tr th td p a time bdi details summary small span strong ul li dl dt dd figure "
    "figcaption svg rect br".split()
)
ATTRIBUTES = set(
    "class role aria-label aria-hidden tabindex scope data-sort data-label data-choices data-choice data-columns data-name data-rows data-about datetime title download href colspan open "
    "width height x y fill".split()
)


def checked(block: Block) -> Elements:
    """Return the elements of a block of which every tag and attribute is one that we write."""
    found = Elements(block.html)
    assert set(found.tags) <= TAGS
    assert {name for _, name, _ in found.attributes} <= ATTRIBUTES
    return found
