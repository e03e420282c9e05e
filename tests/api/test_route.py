"""The way to the API as the environment says it: proxies, certificates, and no password in any message."""

from __future__ import annotations

import logging
import os
import ssl
import traceback
from pathlib import Path

import httpx
import pytest

from testio_analytics import config, errors
from testio_analytics.api import route
from testio_analytics.api.client import Client

FAR = httpx.URL("https://api.example/customer/v2")
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


LOCAL = [
    *("localhost", "LocalHost", "localhost.", "127.0.0.1", "127.9.9.9", "127.1", "0x7f.1", "2130706433", "0.0.0.0"),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::]", "testserver"),
]


@pytest.mark.parametrize("host", LOCAL)
def test_local_addresses_never_use_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However this machine is spelled, whatever variable names a proxy; and the token may go there unencrypted."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    address = config.checked_base_url(f"http://{host}:8000/customer/v2")

    assert route.proxy_for(httpx.URL(address)) is None
    assert route.proxy_for(httpx.URL(f"https://{host}/customer/v2")) is None


@pytest.mark.parametrize(
    "host", ["localhost.example", "127.0.0.1.example", "128.0.0.1", "[::2]", "10.0.0.1", "notlocalhost"]
)
def test_what_only_looks_local_is_not(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses the proxy, and the token does not go there unencrypted."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")

    assert route.proxy_for(httpx.URL(f"https://{host}/x")) is not None
    with pytest.raises(errors.ConfigError):
        config.checked_base_url(f"http://{host}/x")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HTTPS_PROXY": "http://p.example:1"}, "the proxy p.example:1 (HTTPS_PROXY)"),
        ({"https_proxy": "p.example:1"}, "the proxy p.example:1 (https_proxy)"),
        ({"ALL_PROXY": "socks5h://p.example"}, "the proxy p.example (ALL_PROXY)"),
        ({"ALL_PROXY": "socks://x", "HTTPS_PROXY": "http://p.example"}, "the proxy p.example (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://u:p%23w@p.example:1/"}, "the proxy p.example:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://u:p@w@p.example:1/"}, "the proxy p.example:1 (HTTPS_PROXY)"),
        ({"HTTP_PROXY": "http://p.example:1"}, "None"),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "other.example, .example"}, "None"),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "*"}, "None"),
        (
            {"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "[::1],::1,localhost"},
            "the proxy p.example:1 (HTTPS_PROXY)",
        ),
        ({"HTTPS_PROXY": ""}, "None"),
    ],
)
def test_proxy_is_the_one_that_the_environment_names(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable for the scheme, else the one for all, unless the host is excepted; shown without a login."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert str(route.proxy_for(FAR)) == expected


ODD = [
    *(
        "http://user:se#cr3t@host:1",
        "http://user:12#cr3t@host:1",
        "http://user:se/cr3t@host",
        "http://user:12/cr3t@host",
    ),
    *("http://user:se?cr3t@host", "http://user:12?cr3t@host", "user:se#cr3t@host", "socks://user:se-cr3t@host:1080"),
    *(
        "ftp://user:se-cr3t@host",
        "http://user:se-cr3t@",
        "http://user:se-cr3t@host:99999999",
        "socks5://user:se cr3t@h st",
    ),
    *("http://user:se-cr3t@host/path", "se://cr3t", "http://user:se\x07cr3t@ho\x07st"),
]


@pytest.mark.parametrize("address", ODD)
def test_odd_proxy_is_told_by_its_variable_and_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No part of it is in the message, in the traceback with all its causes, or in a log."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(errors.ConfigError, match="HTTPS_PROXY cannot be used") as caught:
        Client(config.ApiSettings(str(FAR), "token"))

    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not any(part in told for part in ("cr3t", "user:se", "user:12", "'se", ":12", address))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_login_of_a_socks_proxy_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """The library below would write it down."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpcore.socks")
    logging.getLogger("httpcore.socks").debug("setup_socks5_connection.started auth=(b'user', b'secret')")

    assert "secret" not in caplog.text


def test_certificates_are_those_that_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a variable a list of our own; a file before a folder; a folder as OpenSSL wants it."""
    import certifi

    assert len(route.certificates().get_ca_certs()) > 50
    first = Path(certifi.where()).read_text(encoding="utf-8").split("-----END CERTIFICATE-----")[0]
    one = tmp_path / "5ed36f99.0"
    one.write_text(f"{first}-----END CERTIFICATE-----\n", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(["/nowhere", str(tmp_path)]))
    assert isinstance(route.certificates(), ssl.SSLContext)
    monkeypatch.setenv("SSL_CERT_FILE", str(one))
    assert len(route.certificates().get_ca_certs()) == 1


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
@pytest.mark.parametrize("kind", ["missing", "empty", "garbage"])
def test_unusable_certificates_are_told_by_their_variable(
    variable: str, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file or folder that is not there, or holds no certificate."""
    place = tmp_path / "missing" / "x"
    if kind != "missing" and variable == "SSL_CERT_FILE":
        place = tmp_path / "certificates.pem"
        place.write_bytes(b"" if kind == "empty" else b"\x00garbage\xff" * 99)
    elif kind != "missing":
        place = tmp_path
        (tmp_path / "ca.pem").write_text("" if kind == "empty" else "garbage")
    monkeypatch.setenv(variable, str(place))

    with pytest.raises(errors.ConfigError, match=variable):
        route.certificates()


def test_address_with_a_login_is_refused_and_not_repeated() -> None:
    """It would be shown wherever the address is."""
    address = "https://user:se-{}@api.example/v2".format("cr3t")
    with pytest.raises(errors.ConfigError) as caught:
        Client(config.ApiSettings(address, "token"))
    assert "cr3t" not in "".join(traceback.format_exception(caught.value))
