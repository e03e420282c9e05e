"""The way to the API: through which proxy, if any, and with which certificates.

The HTTP library would read the same variables by itself. It sends requests to this very machine to a proxy, though, breaks
on values that other programs accept, and repeats parts of a proxy's password in its errors. So the variables are read and
checked here, and it is told what to use. No message holds an address that may hold a password.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import httpx

from testio_analytics.config import is_local_host
from testio_analytics.errors import ConfigError

# It logs the name and password that it gives a SOCKS proxy, and nothing else that anybody needs.
logging.getLogger("httpcore.socks").addFilter(lambda _: False)

PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
HOST = re.compile(r"[0-9A-Za-z_.:-]+")
HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
"""How OpenSSL wants a certificate in a folder to be named."""


@dataclass(frozen=True)
class Proxy:
    """A proxy, and where it was named: an environment variable, or the settings of the system."""

    named_by: str
    url: httpx.URL

    def __str__(self) -> str:
        return f"the proxy {_place(self.url)} ({self.named_by})"


@dataclass(frozen=True)
class Route:
    """What sends requests to one host, and that host with what lies between, in words."""

    transport: httpx.AsyncBaseTransport
    words: str


def route_to(base: httpx.URL, transport: httpx.AsyncBaseTransport | None = None) -> Route:
    """Return the way to the host of an address: by the transport where one is given, else as the environment says.

    Raises:
        ConfigError: the environment names a proxy or certificates that cannot be used; the message names the variable.
    """
    if transport is not None:
        return Route(transport, _place(base))
    proxy = proxy_for(base)
    # Without encryption no certificate is looked at, and a variable that names none does no harm.
    verify = certificates() if base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if proxy is None:
        return Route(httpx.AsyncHTTPTransport(verify=verify, trust_env=False), _place(base))
    try:
        through = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, proxy=httpx.Proxy(proxy.url))
    except ImportError:
        raise ConfigError(
            f"{proxy.named_by} names a SOCKS proxy, for which a package is missing: pip install 'httpx[socks]'."
        ) from None
    return Route(through, f"{_place(base)} through {proxy}")


def proxy_for(base: httpx.URL) -> Proxy | None:
    """Return the proxy for an address, None for none: this machine never needs one, nor what NO_PROXY names.

    Raises:
        ConfigError: it is named by something that is no address of a proxy.
    """
    if is_local_host(base.host) or proxy_bypass(base.host):
        return None
    known = getproxies()
    scheme = next((scheme for scheme in (base.scheme, "all") if known.get(scheme)), None)
    return None if scheme is None else Proxy(_variable(f"{scheme}_proxy"), _proxy_url(scheme, known[scheme]))


def _variable(name: str) -> str:
    """Return the variable as it is spelled in the environment; small letters win, as they do everywhere."""
    spelled = (name, name.upper(), *os.environ)
    found = (variable for variable in spelled if variable.lower() == name and os.environ.get(variable))
    return next(found, "The setting of this system")


def _proxy_url(scheme: str, address: str) -> httpx.URL:
    """Return the address of a proxy; one that reads oddly is refused, because a part of it may be half a password."""
    try:
        url = httpx.URL(address if "://" in address else f"http://{address}")
        is_host = HOST.fullmatch(url.raw_host.decode("ascii")) and (url.port or 1) in range(1, 65536)
        if url.scheme in PROXY_SCHEMES and is_host and url.path in {"", "/"} and not (url.query or url.fragment):
            return url
    except (httpx.InvalidURL, UnicodeError, ValueError):
        pass  # its text quotes what it could not read
    raise ConfigError(
        f"{_variable(f'{scheme}_proxy')} cannot be used as the address of a proxy. It must look like "
        "http://host:port or http://user:password@host:port; https, socks5 and socks5h are possible as well. "
        "In a user or password, write # / ? @ and % as %23 %2F %3F %40 and %25."
    )


def certificates() -> ssl.SSLContext:
    """Return what is needed to check the certificate of a server: SSL_CERT_FILE, else SSL_CERT_DIR, else a list of our own.

    Raises:
        ConfigError: a variable names something that holds no certificates.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        return _context("SSL_CERT_FILE", cafile=file)
    if folder:
        _check_folder(folder)
        return _context("SSL_CERT_DIR", capath=folder)
    import certifi

    return _context("The list of certificates", cafile=certifi.where())


def _context(named_by: str, *, cafile: str | None = None, capath: str | None = None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile, capath=capath)
    except OSError as error:
        if error.filename is not None:  # only the file for keys is told by name
            raise ConfigError(f"SSLKEYLOGFILE cannot be written to: {error}. Unset it, or name another file.") from None
        reason = getattr(error, "reason", None) or error.strerror
        raise ConfigError(
            f"{named_by} names {cafile or capath}, where no certificates can be read ({reason}). "
            "Name a file of certificates in PEM form, or unset it."
        ) from None


def _check_folder(folders: str) -> None:
    """Refuse folders in which OpenSSL would find nothing: it does not say so, and no server would be believed."""
    for folder in folders.split(os.pathsep):
        try:
            if any(HASHED_NAME.fullmatch(path.name) for path in Path(folder).iterdir()):
                return
        except OSError:
            continue
    raise ConfigError(
        f"SSL_CERT_DIR names {folders}, where OpenSSL finds no certificates: it knows them by names like 5ed36f99.0, "
        "which `openssl rehash FOLDER` makes. Name another folder, or unset it."
    )


def _place(url: httpx.URL) -> str:
    """Return host and port, and nothing else of an address."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port is None else f"{host}:{url.port}"
