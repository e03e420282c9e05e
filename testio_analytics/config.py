"""Settings: argument, then the account worked for, environment, ``.env`` in the current folder, then default."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from testio_analytics.errors import ConfigError

TOKEN_VARIABLE = "TESTIO_CUSTOMER_API_TOKEN"  # noqa: S105  the name of a variable, not a token
BASE_URL_VARIABLE = "TESTIO_CUSTOMER_API_BASE_URL"
DB_PATH_VARIABLE = "TESTIO_DB_PATH"
NOTIFY_URL_VARIABLE = "TESTIO_NOTIFY_URL"
WEB_URL_VARIABLE = "TESTIO_WEB_URL"
TRACKER_URL_VARIABLE = "TESTIO_TRACKER_URL"

DEFAULT_BASE_URL = "https://api.test.io/customer/v2"
DEFAULT_DB_PATH = Path("data") / "testio.db"


NOTIFY_URL_HELP = (
    f"Put it into {NOTIFY_URL_VARIABLE}, in the environment or in a file named .env in this folder, as apprise writes "
    "addresses: mailto://..., slack://..., workflows://... (https://appriseit.com/services)."
)

LOCAL_NAMES = frozenset({"localhost", "testserver"})


def token_help(variable: str = TOKEN_VARIABLE) -> str:
    """Return where a token comes from, and where it is put."""
    return (
        "Copy the token from the Test IO account (Integrations > API) and put it into the environment variable "
        f"{variable}, or into a file named .env in this folder as {variable}=..."
    )


_token_help: ContextVar[str] = ContextVar("token_help", default=token_help())  # noqa: B039  text does not change
_overridden: ContextVar[Mapping[str, str | None]] = ContextVar("overridden", default={})  # noqa: B039  never changed


@dataclass(frozen=True)
class ApiSettings:
    """Where the API is and what opens it. The token never shows in the ``repr``."""

    base_url: str
    token: str = field(repr=False)


def environment() -> dict[str, str]:
    """Return the process environment, completed from ``.env`` in the current folder where it is silent.

    Raises:
        ConfigError: there is such a file and it cannot be read.
    """
    path = Path(".env")  # as it is: the current folder may have been deleted meanwhile, and then has no name
    values: dict[str, str] = {}
    if path.is_file():
        from dotenv import dotenv_values  # only people with such a file pay for reading one

        try:
            values = {name: value for name, value in dotenv_values(path).items() if value is not None}
        except (OSError, UnicodeDecodeError):
            raise ConfigError("The file .env in this folder cannot be read. It must be text in UTF-8.") from None
    found: dict[str, str | None] = {**values, **os.environ, **_overridden.get()}
    return {name: value for name, value in found.items() if value is not None}


@contextmanager
def overriding(settings: Mapping[str, str | None], *, help_with_token: str) -> Iterator[None]:
    """Have these settings hold in place of those of the environment (None: none at all), and this be said of the token."""
    was, said = _overridden.set(settings), _token_help.set(help_with_token)
    try:
        yield
    finally:
        _overridden.reset(was)
        _token_help.reset(said)


def help_with_token() -> str:
    """Return what to do about a token that is missing or refused."""
    return _token_help.get()


def resolve_db_path(db_path: str | Path | None = None, *, env: Mapping[str, str] | None = None) -> Path:
    """Return the path of the database: the argument, else ``TESTIO_DB_PATH``, else ``data/testio.db``."""
    if db_path is not None:
        return _expanded(Path(db_path))
    configured = (environment() if env is None else env).get(DB_PATH_VARIABLE, "").strip()
    return _expanded(Path(configured)) if configured else DEFAULT_DB_PATH


def resolve_notify_url(url: str | None = None, *, env: Mapping[str, str] | None = None) -> str:
    """Return the address that messages go to: the argument, else ``TESTIO_NOTIFY_URL``. It is a secret like the token.

    Raises:
        ConfigError: there is none.
    """
    found = (url or (environment() if env is None else env).get(NOTIFY_URL_VARIABLE, "")).strip()
    if not found:
        raise ConfigError(f"No address was given that messages go to. {NOTIFY_URL_HELP}")
    return found


@dataclass(frozen=True)
class WebAddresses:
    """Where people find what the reports name: addresses for a browser, None where none is given.

    Attributes:
        testio: of the account at Test IO, without trailing slash.
        tracker: of a bug in the customer's tracker, with ``{key}`` where its key stands.
    """

    testio: str | None = None
    tracker: str | None = None


def resolve_web_addresses(*, env: Mapping[str, str] | None = None) -> WebAddresses:
    """Return the addresses in ``TESTIO_WEB_URL`` and ``TESTIO_TRACKER_URL``.

    Raises:
        ConfigError: one is no http(s) address, holds a login, or the tracker's has no ``{key}`` behind the host.
    """
    env = environment() if env is None else env
    testio, tracker = (env.get(name, "").strip() for name in (WEB_URL_VARIABLE, TRACKER_URL_VARIABLE))
    if testio:
        testio = _checked_web_address(WEB_URL_VARIABLE, testio, "https://acme.test.io").rstrip("/")
    if tracker:
        example = "https://acme.atlassian.net/browse/{key}"
        _checked_web_address(TRACKER_URL_VARIABLE, tracker, example)
        host, _, rest = tracker.partition("://")[2].partition("/")
        if "{key}" not in rest or "{" in host:
            raise ConfigError(f"{TRACKER_URL_VARIABLE} must hold {{key}} behind the host, like {example}.")
    return WebAddresses(testio or None, tracker or None)


def _checked_web_address(variable: str, address: str, example: str) -> str:
    """Return an address that a browser may be sent to; a message never quotes it, since it may hold a login."""
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    if not is_one or any(not c.isprintable() or c.isspace() or c in "\"'<>\\" for c in address):
        raise ConfigError(f"{variable} must be an address that begins with https:// or http://, like {example}.")
    if "@" in parts.netloc:
        raise ConfigError(f"{variable} must hold no login: everybody who gets a page could read it.")
    return address


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # no such user, or one without a home
        raise ConfigError(f"{path} names the home of a user, and there is none. Write the whole path.") from None


def resolve_api(
    *, token: str | None = None, base_url: str | None = None, env: Mapping[str, str] | None = None
) -> ApiSettings:
    """Return the address and token to use.

    Raises:
        ConfigError: no token, a token that cannot be sent in a header, or an address that is not http(s).
    """
    env = environment() if env is None else env
    # People paste tokens with a line end or with the scheme in front; both would be refused as wrong.
    token = (token if token is not None else env.get(TOKEN_VARIABLE, "")).strip()
    token = token.removeprefix("Token ").strip()
    if not token:
        raise ConfigError(f"No API token was given. {help_with_token()}")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigError(f"The API token has characters that no token has (a space or line end?). {help_with_token()}")
    return ApiSettings(
        base_url=checked_base_url(base_url or env.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL), token=token
    )


def checked_base_url(base_url: str) -> str:
    """Return the address without trailing slash.

    Raises:
        ConfigError: not an http(s) address, one with a login inside, or plain http to another machine.
    """
    base_url = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(base_url)
        host, has_login = parts.hostname, "@" in parts.netloc
        _ = parts.port  # raises where it is no number
    except ValueError:  # its text may quote a login
        raise ConfigError(f"{BASE_URL_VARIABLE} is not an address. It looks like {DEFAULT_BASE_URL}.") from None
    if parts.scheme not in {"http", "https"} or not host or any(not c.isprintable() or c == " " for c in base_url):
        raise ConfigError(f"{BASE_URL_VARIABLE} must begin with https:// and name a host, like {DEFAULT_BASE_URL}.")
    if has_login or parts.query or parts.fragment:
        raise ConfigError(
            f"{BASE_URL_VARIABLE} must hold no login, query or fragment; the token has a variable of its own."
        )
    if parts.scheme == "http" and not is_local_host(host):
        raise ConfigError(
            f"{BASE_URL_VARIABLE} names {host} over plain http, which would send the token in the clear. Use https."
        )
    return base_url


def is_local_host(host: str) -> bool:
    """Return whether a name or address is that of this machine, however it is spelled.

    Only there may the token go unencrypted, and there it never goes through a proxy.
    """
    import socket  # both are needed only when something is sent
    from ipaddress import IPv4Address, IPv6Address

    name = host.strip("[]").rstrip(".").lower()
    if name in LOCAL_NAMES:
        return True
    try:
        # Short forms as well, like 127.1: the system understands them, so they lead here.
        address = IPv6Address(name) if ":" in name else IPv4Address(socket.inet_aton(name))
    except (ValueError, OSError):
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
