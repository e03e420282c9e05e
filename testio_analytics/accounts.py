"""Several accounts: ``accounts.toml``, one ``[NAME]`` each, and which of them a command works for.

The file holds no secret: of a token it says in which environment variable it stands, or nothing, where the system's
keychain keeps it (package `keyring`, service "testio_analytics", user name: that of the account).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testio_analytics.config import (
    BASE_URL_VARIABLE,
    DB_PATH_VARIABLE,
    NOTIFY_URL_VARIABLE,
    TOKEN_VARIABLE,
    TRACKER_URL_VARIABLE,
    WEB_URL_VARIABLE,
    ApiSettings,
    checked_base_url,
    environment,
    overriding,
    resolve_api,
    resolve_web_addresses,
    token_help,
)
from testio_analytics.errors import ConfigError, UnknownValueError

ACCOUNTS_VARIABLE = "TESTIO_ACCOUNTS"
DEFAULT_ACCOUNTS_PATH = Path("accounts.toml")
KEYCHAIN_SERVICE = "testio_analytics"

ENTRIES: Mapping[str, str] = {
    "token_env": "the name of the environment variable that holds the token",
    "db": "the account's own database file",
    "base_url": "the address of the API",
    "web_url": "the account's address in the browser",
    "tracker_url": "the address of the customer's tracker, with {key}",
}
"""What an account may say, and what it means."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # fit for the name of a folder on every system
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_LONGEST_WORD = 24  # characters without "_": a longer one is a token that was written into the wrong place

_current: ContextVar[Account | None] = ContextVar("account", default=None)


@dataclass(frozen=True)
class Account:
    """One account of the file.

    Attributes:
        name: as the file calls it.
        db: its database.
        token_env: the environment variable that holds its token; None where only the keychain does.
        base_url, web_url, tracker_url: addresses; None where the file gives none.
    """

    name: str
    db: Path
    token_env: str | None = None
    base_url: str | None = None
    web_url: str | None = None
    tracker_url: str | None = None

    @property
    def variables(self) -> dict[str, str | None]:
        """The settings of this account in place of those of the environment; None: the environment's do not hold."""
        return {
            TOKEN_VARIABLE: None,  # it belongs to another account, or to none
            DB_PATH_VARIABLE: str(self.db),
            WEB_URL_VARIABLE: self.web_url,
            TRACKER_URL_VARIABLE: self.tracker_url,
            **({} if self.base_url is None else {BASE_URL_VARIABLE: self.base_url}),
        }

    @property
    def token_help(self) -> str:
        """Say where the token of this account comes from, and where it is put."""
        if self.token_env is not None:
            return token_help(self.token_env)
        return (
            f"Copy the token from the Test IO account (Integrations > API) and give it to `keyring set {KEYCHAIN_SERVICE} "
            f"{self.name}` (pip install 'testio-analytics[keyring]'), or name a variable with token_env."
        )

    def api(self) -> ApiSettings:
        """Return the address and token of this account.

        Raises:
            ConfigError: there is no token, or one of both cannot be used.
        """
        token = self._found_token()
        if not token:
            raise ConfigError(f"There is no token for the account {self.name}. {self.token_help}")
        return resolve_api(token=token, base_url=self.base_url)

    def has_token(self) -> bool:
        """Return whether there is a token, without looking whether it works."""
        return bool(self._found_token())

    def _found_token(self) -> str | None:
        found = environment().get(self.token_env, "").strip() if self.token_env else ""
        return found or _from_keychain(self.name)


def read_accounts(path: str | Path | None = None) -> dict[str, Account]:
    """Return the accounts by name, in the order of the file.

    Args:
        path: the file; default: ``TESTIO_ACCOUNTS``, else ``accounts.toml`` in the current folder.

    Raises:
        ConfigError: there is no such file, it cannot be read, holds a token, or says what no account can.
    """
    file = _accounts_path(path)
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f'There is no {file}. It names the accounts, like:\n[acme]\ntoken_env = "ACME_TOKEN"\ndb = "acme.db"\n'
            f"Write it there, or put its path into {ACCOUNTS_VARIABLE}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ConfigError(f"{file} cannot be read: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is no TOML: {error}.") from None
    if not entries:
        raise ConfigError(f"{file} names no account. One begins with a line like [acme].")
    accounts = [_account(file, name, entry) for name, entry in entries.items()]
    _refuse_shared(file, accounts)
    return {account.name: account for account in accounts}


def account_of(name: str) -> Account:
    """Return the account of that name.

    Raises:
        ConfigError: see `read_accounts`.
        UnknownValueError: there is none.
    """
    accounts = read_accounts()
    if name not in accounts:
        raise UnknownValueError("The account", name, [*accounts])
    return accounts[name]


@contextmanager
def working_for(account: Account | None) -> Iterator[None]:
    """Have all settings come from this account; with None, from the environment."""
    if account is None:
        yield
        return
    was = _current.set(account)
    try:
        with overriding(account.variables, help_with_token=account.token_help):
            yield
    finally:
        _current.reset(was)


def api_settings() -> ApiSettings:
    """Return the address and token of the account that is worked for, else those of the environment.

    Raises:
        ConfigError: see `Account.api` and `config.resolve_api`.
    """
    account = _current.get()
    return resolve_api() if account is None else account.api()


def secrets() -> list[str]:
    """Return what no kernel and no page may see: every account's token and the address of messages, where they are set."""
    names = {TOKEN_VARIABLE, NOTIFY_URL_VARIABLE}
    with suppress(ConfigError):  # without accounts there are no other tokens
        names |= {account.token_env for account in read_accounts().values() if account.token_env}
    found = {known.get(name, "").strip() for known in (environment(), os.environ) for name in names}
    return sorted(found - {""})


def _accounts_path(path: str | Path | None) -> Path:
    chosen = path or environment().get(ACCOUNTS_VARIABLE, "").strip() or DEFAULT_ACCOUNTS_PATH
    return Path(chosen).expanduser()


def _account(file: Path, name: str, entry: Any) -> Account:
    """Return an account of what stands in the file. A message never quotes a value: it may be a token."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{file}: an account's name has letters, digits, '.', '_' and '-' only, like [acme].")
    if not isinstance(entry, dict):
        raise ConfigError(f"{file}: {name} stands in no account. Each setting belongs below a line like [acme].")
    if "token" in entry:
        raise ConfigError(
            f"{file}: the account {name} has a token in the file. Delete that line (and make a new token, where others "
            'could read it), put the token into an environment variable, and write token_env = "NAME_OF_IT".'
        )
    if unknown := [key for key in entry if key not in ENTRIES]:
        raise ConfigError(f"{file}: the account {name} says {unknown[0]!r}. It may say: {', '.join(ENTRIES)}.")
    for key, value in entry.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{file}: {key} of the account {name} must be text: {ENTRIES[key]}.")
    values = {key: value.strip() for key, value in entry.items()}
    if "db" not in values:
        raise ConfigError(f"{file}: the account {name} has no db, {ENTRIES['db']}.")
    _check_variable(file, name, values.get("token_env"))
    found = Account(**{**values, "name": name, "db": file.parent / Path(values["db"]).expanduser()})
    try:
        if found.base_url is not None:
            checked_base_url(found.base_url)
        resolve_web_addresses(env={key: value for key, value in found.variables.items() if value is not None})
    except ConfigError as error:
        raise ConfigError(f"{file}, account {name}: {error}") from None
    return found


def _check_variable(file: Path, name: str, variable: str | None) -> None:
    if variable is None:
        return
    longest = max(map(len, variable.split("_")))
    if not _VARIABLE.fullmatch(variable) or longest > _LONGEST_WORD:
        raise ConfigError(
            f"{file}: token_env of the account {name} is not the name of an environment variable, like ACME_TOKEN. If it "
            "is the token itself, delete it there, and make a new one where others could read it."
        )


def _refuse_shared(file: Path, accounts: list[Account]) -> None:
    """Refuse two accounts of one file or of one name: the rows of one would reach the other."""
    for what, keys in (
        ("database", [os.path.realpath(account.db) for account in accounts]),
        ("name", [account.name.lower() for account in accounts]),
    ):
        seen: dict[str, str] = {}
        for key, account in zip(keys, accounts, strict=True):
            if (first := seen.setdefault(key, account.name)) != account.name:
                raise ConfigError(f"{file}: the accounts {first} and {account.name} have the same {what}.")


def _from_keychain(name: str) -> str | None:
    """Return the token that the system's keychain keeps for an account; None without one, or without a keychain."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(KEYCHAIN_SERVICE, name)
    except KeyringError:  # locked, or there is none on this machine
        return None
