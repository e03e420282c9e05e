"""Addresses of what the reports name, for a browser: only those whose pattern is known.

Of Test IO itself no pattern is documented: neither for a test nor for a bug. What can be linked is the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from testio_analytics.config import resolve_web_addresses
from testio_analytics.text import for_html

SEPARATOR = ", "
"""Stands between several keys in one cell."""


def tracker_addresses(keys: Iterable[object]) -> dict[str, str]:
    """Return the address of each of these keys in the customer's tracker; none without ``TESTIO_TRACKER_URL``.

    A key is text of the API: it is escaped whole, so that it names one place below the address and nothing else.

    Raises:
        ConfigError: the variable holds no such address.
    """
    template = resolve_web_addresses().tracker
    texts = {key for key in keys if isinstance(key, str) and key.strip()}
    return {} if template is None else {key: template.replace("{key}", _escaped(key)) for key in texts}


def _escaped(key: str) -> str:
    # A browser takes "." and ".." for folders, also when they are escaped.
    text = quote(key.strip(), safe="", errors="replace")
    return "_" if text in {".", ".."} else text


def link_html(text: str, address: str) -> str:
    """Return a link; the page that it leads to is not told where the reader came from."""
    return f'<a href="{for_html(address)}" rel="noopener noreferrer">{for_html(text)}</a>'


def linked(text: str, addresses: Mapping[str, str], shown: Callable[[str], str]) -> str | None:
    """Return a key, or several of them, as links, each as `shown` says it; None where none of them has an address."""
    keys = [text] if text in addresses else text.split(SEPARATOR)
    if not any(key in addresses for key in keys):
        return None
    said = (link_html(shown(key), addresses[key]) if key in addresses else for_html(shown(key)) for key in keys)
    return SEPARATOR.join(said)
