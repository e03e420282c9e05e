"""Odd environments in which the command is run: each ends with the right exit code and one message, never with a traceback.

`pytest -s` prints the table. What only variables, settings or folders decide is run in this process; what concerns the
streams, the locale and the signals of a process is run in one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import stamina
from click.testing import CliRunner

from serving import COMMAND, serving
from small_account import small_account
from syncing import TOKEN, sync_account
from testio_analytics.cli import cli
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

FAR = "https://api.invalid/customer/v2"
CLOSED = "127.0.0.1:9"
SEALED = "/sys/testio"  # nobody can make a folder there
SECRETS = ("cr3t", "se%23", TOKEN)
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@dataclass(frozen=True)
class Odd:
    """One environment, and how a command ends in it.

    Attributes:
        variables: of the environment; `{local}` stands for the address of a server, `{folder}` for a folder.
        code, words: exit code, and what is in the message.
        call: the command with its arguments.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    code: int = 1
    words: str = ""
    call: str = "sync --json --db {folder}/a.db"


def local(**variables: str) -> Odd:
    """Return an environment that must not matter for a server on this machine."""
    return Odd({"TESTIO_CUSTOMER_API_BASE_URL": "{local}", **variables}, 0)


def proxy(value: str, words: str = "HTTPS_PROXY cannot be used as the address of a proxy") -> Odd:
    """Return an environment with this proxy."""
    return Odd({"HTTPS_PROXY": value}, 1, words)


PROXIES = {
    "proxy refuses": proxy(f"http://{CLOSED}", f"api.invalid through the proxy {CLOSED} (HTTPS_PROXY)"),
    "proxy with small letters": Odd({"https_proxy": f"http://{CLOSED}"}, 1, f"proxy {CLOSED} (https_proxy)"),
    "proxy without scheme": proxy(CLOSED, f"through the proxy {CLOSED}"),
    "proxy with a quoted password": proxy(f"http://user:se%23cr3t@{CLOSED}", f"through the proxy {CLOSED}"),
    "proxy for all": Odd({"ALL_PROXY": f"http://{CLOSED}"}, 1, f"the proxy {CLOSED} (ALL_PROXY)"),
    "password with #": proxy("http://user:se#cr3t@proxy:3128"),
    "password with digits and #": proxy("http://user:12#cr3t@proxy:3128"),
    "password with /": proxy("http://user:12/cr3t@proxy:3128"),
    "password with ?": proxy("http://user:12?cr3t@proxy:3128"),
    "socks5": Odd({"ALL_PROXY": f"socks5://user:cr3t@{CLOSED}"}, 1, "ALL_PROXY"),
    "socks5h": Odd({"all_proxy": f"socks5h://{CLOSED}"}, 1, "all_proxy"),
    "socks": Odd({"ALL_PROXY": f"socks://user:cr3t@{CLOSED}/"}, 1, "ALL_PROXY cannot be used"),
    "ftp proxy": proxy(f"ftp://{CLOSED}"),
    "proxy without host": proxy("http://"),
    "proxy with a port that is none": proxy("http://proxy:99999999"),
    "proxy with blanks": proxy("http://my proxy:3128"),
    "NO_PROXY with brackets": Odd(
        {"HTTPS_PROXY": f"http://{CLOSED}", "NO_PROXY": "[::1]"}, 1, f"through the proxy {CLOSED}"
    ),
    "NO_PROXY with nonsense": Odd({"NO_PROXY": "http://[,://,*x*,,256.1.1.1/99", "HTTPS_PROXY": CLOSED}, 1, CLOSED),
    "NO_PROXY for all": Odd({"HTTPS_PROXY": f"http://{CLOSED}", "NO_PROXY": "*"}, 1, "from api.invalid: "),
    "local server, HTTP_PROXY": local(HTTP_PROXY=f"http://{CLOSED}"),
    "local server, odd proxies": local(ALL_PROXY="socks://x", HTTP_PROXY="http://user:se#cr3t@h", NO_PROXY="[::1]"),
}

CERTIFICATES = {
    "certificates: no such file": Odd({"SSL_CERT_FILE": "{folder}/none.pem"}, 1, "SSL_CERT_FILE names"),
    "certificates: empty file": Odd({"SSL_CERT_FILE": "{folder}/empty"}, 1, "SSL_CERT_FILE names"),
    "certificates: garbage": Odd({"SSL_CERT_FILE": "{folder}/garbage"}, 1, "SSL_CERT_FILE names"),
    "certificates: a folder as file": Odd({"SSL_CERT_FILE": "{folder}"}, 1, "SSL_CERT_FILE names"),
    "certificates: no such folder": Odd({"SSL_CERT_DIR": "{folder}/none"}, 1, "SSL_CERT_DIR names"),
    "certificates: folder without any": Odd({"SSL_CERT_DIR": "{folder}"}, 1, "SSL_CERT_DIR names"),
    "keys cannot be logged": Odd({"SSLKEYLOGFILE": "{folder}/none/keys"}, 1, "SSLKEYLOGFILE cannot be written to"),
    "local server, odd certificates": local(SSL_CERT_FILE="{folder}/empty", SSL_CERT_DIR="/none"),
    "https to a server without": Odd(
        {"TESTIO_CUSTOMER_API_BASE_URL": "https://{place}"}, 1, "no answer from 127.0.0.1"
    ),
}

SETTINGS = {
    "no server": Odd({"TESTIO_CUSTOMER_API_BASE_URL": f"http://{CLOSED}"}, 1, f"no answer from {CLOSED}"),
    "login in the address": Odd({"TESTIO_CUSTOMER_API_BASE_URL": "https://u:cr3t@h"}, 1, "must hold no login"),
    "plain http": Odd({"TESTIO_CUSTOMER_API_BASE_URL": "http://api.invalid"}, 1, "in the clear"),
    "no token": Odd({"TESTIO_CUSTOMER_API_TOKEN": ""}, 1, "No API token"),
    "token with a line end": Odd({"TESTIO_CUSTOMER_API_TOKEN": "a\nb"}, 1, "characters that no token has"),
    "wrong token": Odd(
        {"TESTIO_CUSTOMER_API_BASE_URL": "{local}", "TESTIO_CUSTOMER_API_TOKEN": "wrong"}, 1, "refused the token"
    ),
    "no such stream": Odd(code=2, words="must be one of", call="sync --json --stream bugz"),
    "home of nobody": Odd({"TESTIO_DB_PATH": "~no-such-user/a.db"}, 1, "the home of a user", "sync --json"),
    "database is a folder": Odd({"TESTIO_DB_PATH": "{folder}"}, 1, "{folder}", "sync --json"),
    "database below a file": Odd(
        {"TESTIO_CUSTOMER_API_BASE_URL": "{local}"}, 1, "cannot be", "sync --json --db {folder}/empty/a.db"
    ),
    "name too long": Odd({"TESTIO_DB_PATH": "x" * 300}, 1, "name too long", "status --json"),
    "no database": Odd(code=1, words="testio-analytics sync", call="status --json --db {folder}/none.db"),
    "garbage as database": Odd(code=1, words="{folder}/garbage", call="status --json --db {folder}/garbage"),
}

FOLDERS = {
    "notebooks, read-only": Odd(words="ermission denied", call="notebooks {locked}/n"),
    "notebooks, below a file": Odd(words="{folder}/empty", call="notebooks {folder}/empty/n"),
    "demo, read-only": Odd(words="{sealed}", call="demo --output {sealed}/d"),
    "report, read-only": Odd(words="{sealed}", call="report --db {mirror} --output {sealed}/r"),
    "export, read-only": Odd(words="{sealed}", call="export --db {mirror} --output {sealed}/e"),
    "sync, read-only": Odd(
        {"TESTIO_CUSTOMER_API_BASE_URL": "{local}"}, 1, "{locked}", "sync --json --db {locked}/a.db"
    ),
    "migrate, read-only": Odd(words="{locked}", call="migrate --db {locked}/old.db --to 1"),
}

HERE: dict[str, Odd] = PROXIES | CERTIFICATES | SETTINGS | FOLDERS


@pytest.fixture(scope="module", name="places")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return what stands for the words in braces: a server, a mirror, a folder with odd files, one that is locked."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "empty").touch()
    (folder / "garbage").write_bytes(b"this is none of it\xff" * 300)
    mirror = folder / "mirror.db"
    sync_account(small_account(), mirror)
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    locked = folder / "locked"
    locked.mkdir()
    (locked / "old.db").write_bytes(mirror.read_bytes())
    locked.chmod(0o555)
    with serving(small_account()) as address:
        place = address.removeprefix("http://")
        odd = {"folder": str(folder), "mirror": str(mirror), "locked": str(locked), "sealed": SEALED}
        yield {"local": address, "place": place, **odd}
    locked.chmod(0o755)


@contextmanager
def without_rights() -> Iterator[None]:
    """Be somebody who may not write everywhere, where the tests are run by somebody who may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def shown(name: str, code: int, message: str) -> None:
    """Print a row of the table."""
    print(f"{name:32} {code:3}  {' '.join(message.split())[:150]}")


@pytest.mark.parametrize("name", HERE)
def test_variables_settings_and_folders(name: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One message with the words that help, no secret, and with `--json` the object."""
    odd = HERE[name]
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    wanted = {"TESTIO_CUSTOMER_API_BASE_URL": FAR, "TESTIO_CUSTOMER_API_TOKEN": TOKEN, **odd.variables}
    for variable, value in wanted.items():
        monkeypatch.setenv(variable, value.format(**places))
    monkeypatch.chdir(places["folder"])
    words = odd.call.format(**places).split()
    stamina.set_testing(True, attempts=1)
    try:
        with without_rights() if "{locked}" in odd.call else nullcontext():
            done = CliRunner().invoke(cli, words)
    finally:
        stamina.set_testing(False)

    shown(name, done.exit_code, done.stderr)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == odd.code, done.output
    assert odd.words.format(**places) in done.stderr
    assert not [secret for secret in SECRETS if secret in done.output]
    if "--json" in words:
        said = json.loads(done.stdout)
        assert said["outcome"] == ("complete" if odd.code == 0 else "failed")


# -- processes -------------------------------------------------------------------------------------------------------

Run = Callable[[dict[str, str]], tuple[int, bytes, bytes]]
TABLE, CSV = "show feature_catalog --db {mirror}", "show feature_catalog --format csv --db {mirror}"
STATUS = "status --db {mirror}"


def process(call: str, redirected: str = "", **variables: str) -> Run:
    """Return what runs a command by a shell, its streams led elsewhere, and gives exit code and both outputs."""

    def run(places: dict[str, str]) -> tuple[int, bytes, bytes]:
        line = f"exec {sys.executable} -m testio_analytics {call} {redirected}".format(**places)
        if "|" in redirected:
            line = line.replace("exec ", "set -o pipefail; ")
        done = subprocess.run(["bash", "-c", line], env=os.environ | variables, capture_output=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    return run


ASCII = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

PROCESSES: dict[str, tuple[int, str, Run]] = {
    "ascii, table": (0, "", process(TABLE, **ASCII)),
    "ascii, CSV": (0, "", process(CSV, **ASCII)),
    "cp1252, status": (0, "", process(STATUS, PYTHONIOENCODING="cp1252")),
    "cp1252, CSV": (0, "", process(CSV, PYTHONIOENCODING="cp1252")),
    "C locale, list of reports": (0, "", process("show list", **C_LOCALE)),
    "unknown locale": (0, "", process("show list", LANG="xx_YY.NOPE", LC_ALL="xx_YY.NOPE", TZ="No/Where", COLUMNS="0")),
    "ascii, help": (0, "", process("sync --help", **ASCII)),
    "full disk": (1, "No space left on device", process(CSV, "> /dev/full")),
    "full disk, object": (1, "No space left on device", process("status --json --db {mirror}", "> /dev/full")),
    "pipe that closes": (1, "who read it has stopped", process(CSV, "| true")),
    "standard output closed": (1, "standard output is closed", process(STATUS, ">&-")),
    "standard error full": (0, "", process(STATUS, "2> /dev/full")),
    "all streams closed": (1, "", process(STATUS, "<&- >&- 2>&-")),
    "current folder deleted": (1, "testio-analytics sync", process("status", "", PWD="/none")),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_streams_and_locales(
    name: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every character arrives or is a code, what cannot be written is said, and the exit code tells it."""
    if name == "current folder deleted":
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(place for place in sys.path if place))
    expected, words, run = PROCESSES[name]
    code, out, err = run(places)

    shown(name, code, err.decode("utf-8", "replace"))
    assert code == expected, err
    assert words.encode() in err
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err
    if "CSV" in name:
        assert out.decode("utf-8")


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_signals(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """The exit code of the signal, one line, and the object."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables = {
            "TESTIO_CUSTOMER_API_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "TESTIO_CUSTOMER_API_TOKEN": TOKEN,
        }
        words = [*COMMAND, "sync", "--json", "--db", str(tmp_path / "a.db")]
        pipes = subprocess.PIPE
        running = subprocess.Popen(words, env=os.environ | variables, stdout=pipes, stderr=pipes, text=True)
        with silent.accept()[0]:
            running.send_signal(number)
            out, err = running.communicate(timeout=PATIENCE)

    shown(number.name, running.returncode, err)
    assert (running.returncode, err) == (code, "Stopped; nothing was stored.\n")
    assert json.loads(out)["run_id"] == 1


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under `nohup`, the end of the terminal does not end a sync."""
    with serving(small_account()) as address:
        variables = {"TESTIO_CUSTOMER_API_BASE_URL": address, "TESTIO_CUSTOMER_API_TOKEN": TOKEN}
        line = f"trap '' HUP; exec {sys.executable} -m testio_analytics sync --db {tmp_path}/a.db"
        running = subprocess.Popen(["bash", "-c", line], env=os.environ | variables, stderr=subprocess.PIPE, text=True)
        wait_for((tmp_path / "a.db").exists, "the database")
        running.send_signal(signal.SIGHUP)
        _, err = running.communicate(timeout=PATIENCE)

    shown("SIGHUP under nohup", running.returncode, err)
    assert running.returncode == 0, err
