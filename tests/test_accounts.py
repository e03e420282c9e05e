"""Several accounts: what ``accounts.toml`` may say, and whose settings hold."""

from __future__ import annotations

import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from testio_analytics import accounts, config
from testio_analytics.errors import ConfigError, UnknownValueError

TWO = """
[acme]
token_env = "ACME_TOKEN"
db = "files/acme.db"
base_url = "https://staging.example/customer/v2"
tracker_url = "https://tracker.example/browse/{key}"

[harbour-boards]
token_env = "HARBOUR_TOKEN"
db = "harbour.db"
"""
SECRET = "Zx81Spectrum48kQwertz77"


def written(folder: Path, text: str) -> Path:
    """Write the file and return it."""
    path = folder / "accounts.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_is_found_and_paths_count_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument, then the environment, then the current folder; a database lies beside the file that names it."""
    path = written(tmp_path, TWO)
    with pytest.raises(ConfigError, match=r"There is no accounts\.toml"):
        accounts.read_accounts()
    monkeypatch.setenv("TESTIO_ACCOUNTS", str(path))

    found = accounts.read_accounts()
    assert [*found] == ["acme", "harbour-boards"]
    assert found["acme"].db == tmp_path / "files" / "acme.db"
    with pytest.raises(UnknownValueError, match="acme, harbour-boards"):
        accounts.account_of("Acme")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no account"),
        ("[acme", "no TOML"),
        ('db = "x"', "stands in no account"),
        ("[acme]", "has no db"),
        (f'[acme]\ndb = "x"\ntoken = "{SECRET}"', "has a token in the file"),
        (f'[acme]\ndb = "x"\ntoken_env = "{SECRET}"', "is not the name of an environment variable"),
        (f'[acme]\ndb = "x"\ntoken_env = "{SECRET.upper()}AB"', "is not the name of an environment variable"),
        ('[acme]\ndb = "x"\npassword = "x"', "says 'password'. It may say: token_env, db"),
        ("[acme]\ndb = 3", "db of the account acme must be text"),
        ('["a/b"]\ndb = "x"', "letters, digits"),
        ('[".."]\ndb = "x"', "letters, digits"),
        ('[a]\ndb = "x"\n[b]\ndb = "./y/../x"', "a and b have the same database"),
        ('[a]\ndb = "x"\n[A]\ndb = "y"', "a and A have the same name"),
        ('[a]\ndb = "x"\nbase_url = "http://api.example"', "account a: .*over plain http"),
        ('[a]\ndb = "x"\nbase_url = "https://me:secret@api.example"', "account a: .*must hold no login"),
        ('[a]\ndb = "x"\ntracker_url = "https://t.example/"', "account a: .*must hold {key}"),
    ],
)
def test_what_no_account_can_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The message names file, account and what to write; it quotes no value, which may be a token."""
    with pytest.raises(ConfigError, match=said) as refused:
        accounts.read_accounts(written(tmp_path, text))

    assert SECRET.lower() not in str(refused.value).lower() and "me:secret" not in str(refused.value)


def test_settings_are_the_accounts_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the token nor the links of the environment are taken for those of an account that says none."""
    found = accounts.read_accounts(written(tmp_path, TWO))
    for name, value in {
        "TESTIO_CUSTOMER_API_TOKEN": "of-nobody",
        "TESTIO_DB_PATH": "mine.db",
        "TESTIO_TRACKER_URL": "https://mine.example/{key}",
        "TESTIO_CUSTOMER_API_BASE_URL": "https://mine.example/v2",
        "ACME_TOKEN": "of-acme",
    }.items():
        monkeypatch.setenv(name, value)

    with accounts.working_for(found["acme"]):
        assert accounts.api_settings() == config.ApiSettings("https://staging.example/customer/v2", "of-acme")
        assert config.resolve_db_path() == tmp_path / "files" / "acme.db"
        assert config.resolve_web_addresses().tracker == "https://tracker.example/browse/{key}"
        with pytest.raises(ConfigError, match=r"No API token.*variable ACME_TOKEN"):
            config.resolve_api()  # whoever asks past the account gets no other one's token
    with accounts.working_for(found["harbour-boards"]):
        assert config.resolve_web_addresses().tracker is None
        with pytest.raises(ConfigError, match=r"no token for the account harbour-boards.*variable HARBOUR_TOKEN"):
            accounts.api_settings()
    assert accounts.api_settings().token == "of-nobody"
    assert set(accounts.secrets()) == {"of-nobody"}  # no file here says that ACME_TOKEN is one
    monkeypatch.setenv("TESTIO_ACCOUNTS", str(tmp_path / "accounts.toml"))
    monkeypatch.setenv("TESTIO_NOTIFY_URL", "json://me:secret@chat.example")
    assert set(accounts.secrets()) == {"of-nobody", "of-acme", "json://me:secret@chat.example"}


class Keychain(KeyringBackend):
    """A keychain in memory."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password


def test_a_token_may_lie_in_the_keychain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable goes first; without a keychain, or without the package, the message says what to do."""
    was, keychain = keyring.get_keyring(), Keychain()
    account = accounts.read_accounts(written(tmp_path, '[acme]\ndb = "x.db"'))["acme"]
    try:
        keyring.set_keyring(keychain)
        with pytest.raises(ConfigError, match="keyring set testio_analytics acme"):
            account.api()
        keyring.set_password("testio_analytics", "acme", "from-keychain")
        assert account.api().token == "from-keychain"
    finally:
        keyring.set_keyring(was)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert not account.has_token()
