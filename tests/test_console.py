"""What every command does alike: its streams, its failures, and that `--json` prints its object whatever happens."""

from __future__ import annotations

import errno
import io
import json
import sqlite3
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from testio_analytics import console, errors
from testio_analytics.mirror.account import Progress


def failing(error: BaseException, *words: str, said: bool = False, progress: Progress | None = None) -> Result:
    """Run a command that fails with this error, maybe after it has printed its object."""

    @click.command(cls=console.Command)
    @click.option("--json", "as_json", is_flag=True)
    def command(as_json: bool) -> None:
        if progress:
            click.get_current_context().meta[console.PROGRESS] = progress
        if said:
            console.put_json({"outcome": "complete"})
        raise error

    return CliRunner().invoke(command, list(words))


TOLD: dict[str, tuple[BaseException, int, str]] = {
    "of ours": (errors.StoreError("It is full."), 1, "Error: It is full."),
    "usage": (errors.UnknownValueError("The stream", "bugz", ["bugs"]), 2, "must be one of: bugs"),
    "usage of click": (click.BadParameter("not so"), 2, "not so"),
    "file": (PermissionError(errno.EACCES, "Permission denied", "/x/y"), 1, "/x/y cannot be used: Permission denied."),
    "no name": (OSError(errno.ENOSPC, "No space left on device"), 1, "could not be used: No space left on device."),
    "sqlite": (sqlite3.OperationalError("disk I/O error"), 1, "disk I/O error"),
    "stopped": (KeyboardInterrupt(), 130, "Stopped before it was done."),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_failure_is_one_message_an_exit_code_and_an_object(name: str) -> None:
    """Whatever failed: no traceback, and with `--json` the object that says so, once."""
    error, code, words = TOLD[name]
    plain, as_json = failing(error), failing(error, "--json")

    assert (plain.exit_code, plain.stdout) == (code, "")
    assert words in plain.stderr
    assert as_json.exit_code == code
    said = json.loads(as_json.stdout)
    assert (said["outcome"], said["run_id"], said["gaps"]) == ("failed", None, [])
    assert words.removeprefix("Error: ") in said["error"]


def test_an_unexpected_error_prints_its_object_and_is_raised() -> None:
    """A fault of the package must be seen whole, and a program that reads the object still gets it."""
    done = failing(ZeroDivisionError("oh"), "--json")

    assert isinstance(done.exception, ZeroDivisionError)
    assert json.loads(done.stdout)["error"] == "ZeroDivisionError: oh"


def test_the_object_is_printed_once() -> None:
    """What fails after it was printed does not print a second one."""
    assert json.loads(failing(KeyboardInterrupt(), "--json", said=True).stdout) == {"outcome": "complete"}


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(run_id=4, products=9, finished=3, requests=77), "Stopped; 3 of 9 products finished and stored"),
        (Progress(run_id=4), "Stopped; nothing was stored."),
        (Progress(products=9, finished=3), "Stopped; nothing was stored."),
    ],
)
def test_a_stopped_sync_says_what_was_kept(progress: Progress, words: str) -> None:
    """How many products; and the object knows run and requests."""
    done = failing(KeyboardInterrupt(), "--json", progress=progress)

    assert words in done.stderr
    said = json.loads(done.stdout)
    assert (said["run_id"], said["requests"]) == (progress.run_id, progress.requests)


class _Stream(io.TextIOWrapper):
    """A stream in this encoding, into memory."""

    def __init__(self, encoding: str) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_data_are_utf_8_and_text_is_what_the_stream_can_write(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule for all commands."""
    stream = _Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    console.prepare_streams()
    console.put("19–35 ☃")
    console.put_data("19–35 ☃")
    console.put_json({"a": "☃"})

    table, data, *rest = stream.bytes.getvalue().splitlines()
    assert table == "19–35 ☃".encode(encoding, "backslashreplace")
    assert data.decode() == "19–35 ☃"
    assert json.loads(b"".join(rest)) == {"a": "☃"}


def test_a_closed_standard_output_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that reaches nobody is not "done"."""
    monkeypatch.setattr(sys, "stdout", None)
    for write in (console.put, console.put_data):
        with pytest.raises(console.OutputError, match="closed"):
            write("x")


def test_a_message_that_nobody_takes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full or closed standard error does not make a command fail."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    stream: Any = Full()
    monkeypatch.setattr(sys, "stderr", stream)
    console.say("x")
