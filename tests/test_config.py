"""Settings: which source wins, what is refused, and that no token or login is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics import config
from testio_analytics.errors import ConfigError

TOKEN = "tok-4711-abcdef"


def _env_file(text: str | bytes) -> None:
    Path(".env").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_argument_wins_over_environment_over_file_over_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is the one of the contract, for the token, the address and the path."""
    assert config.resolve_db_path() == Path("data/testio.db")
    assert config.resolve_api(token="t").base_url == "https://api.test.io/customer/v2"
    _env_file(
        "TESTIO_CUSTOMER_API_TOKEN=from-file\nTESTIO_DB_PATH=file.db\nTESTIO_CUSTOMER_API_BASE_URL=https://file.example\n"
    )
    assert config.resolve_db_path() == Path("file.db")
    assert config.resolve_api() == config.ApiSettings("https://file.example", "from-file")
    monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", "from-environment")
    monkeypatch.setenv("TESTIO_DB_PATH", "environment.db")
    monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", "https://environment.example")
    assert config.resolve_db_path() == Path("environment.db")
    assert config.resolve_api() == config.ApiSettings("https://environment.example", "from-environment")
    assert config.resolve_db_path("argument.db") == Path("argument.db")
    argument = config.resolve_api(token="from-argument", base_url="https://argument.example")
    assert argument == config.ApiSettings("https://argument.example", "from-argument")


def test_given_environment_replaces_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping that is handed over is all that is looked at."""
    monkeypatch.setenv(config.TOKEN_VARIABLE, "real")
    assert config.resolve_api(env={config.TOKEN_VARIABLE: "given"}).token == "given"
    with pytest.raises(ConfigError):
        config.resolve_api(env={})


@pytest.mark.parametrize("token", [TOKEN, f" {TOKEN}\n", f"Token {TOKEN}", f"  Token   {TOKEN}\r\n"])
def test_pasted_token_is_understood(token: str) -> None:
    """A line end or the scheme in front, as people paste them, are taken off."""
    assert config.resolve_api(token=token, env={}).token == TOKEN


@pytest.mark.parametrize("token", ["", "  \n"])
def test_missing_token_says_where_it_comes_from(token: str) -> None:
    """The message names the place in the account and the variable."""
    with pytest.raises(ConfigError, match=r"Integrations > API.*TESTIO_CUSTOMER_API_TOKEN"):
        config.resolve_api(token=token, env={})


@pytest.mark.parametrize(
    "token", ["two words", f"{TOKEN}\n{TOKEN}", f"{TOKEN}\x00", f"{TOKEN}é", "a\r\nX-Evil: 1", "\x7f"]
)
def test_token_that_fits_no_header_is_refused_and_not_repeated(token: str) -> None:
    """Control characters, spaces and other alphabets never reach a header, nor the message."""
    with pytest.raises(ConfigError) as caught:
        config.resolve_api(token=token, env={})
    assert token not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_token_is_not_shown() -> None:
    """Neither the representation nor formatting gives the token away."""
    settings = config.resolve_api(token=TOKEN, env={})
    assert TOKEN not in f"{settings} {settings!r} {[settings]}"


@pytest.mark.parametrize(
    ("given_address", "expected"),
    [
        ("https://api.stage-a.space/customer/v2/", "https://api.stage-a.space/customer/v2"),
        (" https://h.example/// ", "https://h.example"),
        ("http://localhost:8000/customer/v2", "http://localhost:8000/customer/v2"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
    ],
)
def test_good_addresses(given_address: str, expected: str) -> None:
    """A trailing slash does not matter; plain http is for this machine."""
    assert config.checked_base_url(given_address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *(
            "api.test.io",
            "ftp://api.test.io",
            "https://",
            "https:///x",
            "http://",
            "file:///etc/passwd",
            "javascript:1",
        ),
        *("http://api.test.io/customer/v2", "http://localhost.evil.example", "http://127.0.0.1.evil.example"),
        *("https://user:hunter2@api.test.io", "https://hunter2@api.test.io", "https://api.test.io?token=hunter2"),
        *("https://api.test.io#hunter2", "https://[::1", "https://h:port", "https://h:99999999"),
        *("https://h.example/a b", "https://h.ex\tample", "https://h\x00.example", "https://h.example/\u202ex"),
        "https://user:hunter2\u2100@api.test.io",
    ],
)
def test_bad_addresses_are_refused_without_repeating_a_login(address: str) -> None:
    """No scheme, no host, a login, plain http over the network, or characters that no address has."""
    with pytest.raises(ConfigError, match="TESTIO_CUSTOMER_API_BASE_URL") as caught:
        config.checked_base_url(address)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=30).map(lambda text: f"https://{text}"))
def test_any_address_is_taken_or_refused(address: str) -> None:
    """Nothing but our own error comes out, whatever is written behind the scheme."""
    try:
        assert config.checked_base_url(address).startswith("https://")
    except ConfigError as error:
        assert error.__cause__ is None


def test_unreadable_env_file_is_named() -> None:
    """A file in another encoding is said, not thrown."""
    _env_file("TESTIO_CUSTOMER_API_TOKEN=geheim-ü".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"\.env.*UTF-8") as caught:
        config.resolve_api()
    assert "geheim" not in str(caught.value)


def test_env_file_is_read_with_quotes_and_comments_and_a_folder_of_that_name_is_not() -> None:
    """The quoting rules are those people know."""
    _env_file(f'# mine\nexport {config.TOKEN_VARIABLE}="{TOKEN}" # note\nEMPTY\n')
    assert config.resolve_api().token == TOKEN
    Path(".env").unlink()
    Path(".env").mkdir()
    with pytest.raises(ConfigError, match="No API token"):
        config.resolve_api()


def test_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde means the home folder in the argument and in the variable."""
    monkeypatch.setenv("HOME", "/home/ana")
    assert config.resolve_db_path("~/t.db") == Path("/home/ana/t.db")
    assert config.resolve_db_path(env={config.DB_PATH_VARIABLE: " ~/u.db "}) == Path("/home/ana/u.db")
    assert config.resolve_db_path(env={config.DB_PATH_VARIABLE: "  "}) == config.DEFAULT_DB_PATH


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TESTIO_WEB_URL", "javascript:alert(1)"),
        ("TESTIO_WEB_URL", "acme.test.io"),
        ("TESTIO_WEB_URL", "https://user:s3cret@acme.test.io"),
        ("TESTIO_WEB_URL", 'https://acme.test.io/" onclick="x'),
        ("TESTIO_TRACKER_URL", "https://jira.example/browse/"),
        ("TESTIO_TRACKER_URL", "https://{key}.example/"),
        ("TESTIO_TRACKER_URL", "https://{key}.example/{key}"),
        ("TESTIO_TRACKER_URL", "https://jira.example?key={key}"),
        ("TESTIO_TRACKER_URL", "data:text/html,{key}"),
        ("TESTIO_TRACKER_URL", "https://jira.example:port/{key}"),
        ("TESTIO_TRACKER_URL", "https://jira.example/{key\u202e}"),
    ],
)
def test_an_address_that_no_browser_should_be_sent_to_is_refused(variable: str, value: str) -> None:
    """Only http and https, no login, and the key nowhere but behind the host; the message quotes none of it."""
    with pytest.raises(ConfigError, match=variable) as raised:
        config.resolve_web_addresses(env={variable: value})
    assert "s3cret" not in str(raised.value)


def test_addresses_for_a_browser_are_taken_as_they_are() -> None:
    """Both are optional; a slash at the end of the account's address makes no difference."""
    assert config.resolve_web_addresses(env={}) == config.WebAddresses(None, None)
    env = {"TESTIO_WEB_URL": " https://acme.test.io/ ", "TESTIO_TRACKER_URL": "https://jira.example/browse/{key}"}
    expected = config.WebAddresses("https://acme.test.io", "https://jira.example/browse/{key}")
    assert config.resolve_web_addresses(env=env) == expected
