"""What holds for every command: where it writes and in which encoding, how it is stopped, and how it says that it failed.

Data (CSV, JSON) are always UTF-8, whatever the terminal or pipe: programs read them. Everything else is in the encoding of
the stream it goes to, with a code like ``\\u2013`` for each character that this encoding does not have.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

import click

from testio_analytics import errors
from testio_analytics.text import clean, counted

if TYPE_CHECKING:
    from testio_analytics.mirror.account import Progress

STOP_SIGNALS = ("SIGTERM", "SIGHUP")
"""What ends a command just as Ctrl-C does: a supervisor, and the end of the terminal (not there on Windows)."""

JSON_DONE = "testio_analytics.json_done"
PROGRESS = "testio_analytics.progress"
"""Where a command notes, in its context, that it has printed its object, and how far its sync has come."""

_received: list[int] = []
"""The signals by which this process was asked to stop."""


class OutputError(errors.TestioError):
    """A result could not be written to standard output."""


# -- writing -------------------------------------------------------------------------------------------------------


def put(text: str, *, nl: bool = True) -> None:
    """Write a result for people to standard output.

    Raises:
        OutputError: nobody takes it.
    """
    _write(lambda stream: stream.write(text + "\n" * nl))


def put_data(text: str, *, nl: bool = True) -> None:
    """Write a result for programs to standard output, in UTF-8.

    Raises:
        OutputError: nobody takes it.
    """
    data = (text + "\n" * nl).encode("utf-8", "backslashreplace")

    def write(stream: TextIO) -> None:
        stream.flush()
        stream.buffer.write(data)

    _write(write)


def put_json(value: dict[str, Any]) -> None:
    """Write one JSON object to standard output, as the only one of this command.

    Raises:
        OutputError: nobody takes it.
    """
    if context := click.get_current_context(silent=True):
        context.meta[JSON_DONE] = True
    put_data(json.dumps(value, ensure_ascii=False, indent=2))


def say(text: str) -> None:
    """Write a message for the person at the terminal; where nobody takes it, there is nobody to tell."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{clean(text)}\n")
        sys.stderr.flush()
    except OSError:
        _let_go_of(sys.stderr)


def _write(write: Callable[[TextIO], object]) -> None:
    # Not by click, which takes a stream in ASCII for one in UTF-8.
    if sys.stdout is None:
        raise OutputError("The result could not be written: standard output is closed.")
    try:
        write(sys.stdout)
        sys.stdout.flush()
    except OSError as error:
        _let_go_of(sys.stdout)
        reason = "who read it has stopped" if error.errno == errno.EPIPE else error.strerror
        raise OutputError(f"The result could not be written to standard output: {reason}.") from error


def _let_go_of(stream: Any) -> None:
    """Lead a stream to nowhere, so that the end of the process does not try to write the rest once more."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        pass  # no file is behind it


def is_watched(stream: TextIO | None) -> bool:
    """Return whether a stream goes to a terminal; one that was closed from the start goes nowhere."""
    return stream is not None and stream.isatty()


def takes_colour(stream: TextIO | None) -> bool:
    """Return whether a stream goes to a terminal that shows colours, and nobody forbids them (https://no-color.org)."""
    return is_watched(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def prepare_streams() -> None:
    """Have standard output write what its encoding does not have as a code; standard error does so from the start."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


# -- stopping ------------------------------------------------------------------------------------------------------


def stop_on_signals() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C: what was begun is cleaned up, and what was finished stays.

    A signal that is ignored, as under ``nohup``, stays ignored.
    """
    for name in STOP_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    interrupt = signal.getsignal(signal.SIGINT)
    if callable(interrupt):
        interrupt(signal.SIGINT, frame)  # a running event loop has one of its own
    else:
        raise KeyboardInterrupt


# -- failing -------------------------------------------------------------------------------------------------------


class Failure(click.ClickException):
    """A failure with all that is said of it, and its exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code: int = exit_code  # type: ignore[misc]  # click declares it for the class

    def show(self, file: Any = None) -> None:
        """Say it."""
        say(self.message)


class Command(click.Command):
    """A command whose failure is one message, an exit code and, with ``--json``, an object, whatever happened."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        started = time.monotonic()
        try:
            with _settings(ctx):
                _find_products(ctx)
                return super().invoke(ctx)
        except (SystemExit, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            failed: Exception = Failure(_stopped(ctx), 128 + (_received or [signal.SIGINT])[-1])
        except Exception as error:  # noqa: BLE001  what is not expected is raised again, whole
            failed = _told(error)
        if ctx.params.get("as_json") and not ctx.meta.get(JSON_DONE):
            _put_failure(ctx, failed, time.monotonic() - started)
        raise failed


def _settings(ctx: click.Context) -> AbstractContextManager[None]:
    """Return a block in which all settings are those of the account that was named, where one was."""
    name = ctx.params.pop("account", None)
    if name is None:
        return nullcontext()
    for option in ("db", "all_accounts"):
        if ctx.params.get(option):
            raise click.UsageError(
                f"--account says which file it is: --{option.replace('_', '-')} is not used beside it."
            )
    from testio_analytics.accounts import account_of, working_for

    return working_for(account_of(name))


def _find_products(ctx: click.Context) -> None:
    """Put the ids in the place of the names of products, for whichever command takes them."""
    if asked := ctx.params.get("products"):
        from testio_analytics.frames.product_ids import product_ids

        ctx.params["products"] = product_ids(ctx.params.get("db"), asked)


def _told(error: Exception) -> Exception:
    """Return the error as it is told, or as it is where it is a fault of this package."""
    if isinstance(error, errors.UnknownValueError):
        return click.UsageError(clean(str(error)))
    if isinstance(error, errors.TestioError):
        return Failure(f"Error: {error}")
    if isinstance(error, OSError):
        place = f"{error.filename} cannot be used" if error.filename else "A file or connection could not be used"
        return Failure(
            f"Error: {place}: {error.strerror or error}. Is there free space, and are you allowed to read and write there?"
        )
    if isinstance(error, sqlite3.Error):
        return Failure(f"Error: The database could not be used: {error}.")
    return error


def _stopped(ctx: click.Context) -> str:
    """Say what was kept."""
    progress: Progress | None = ctx.meta.get(PROGRESS)
    if progress is None:
        return "Stopped before it was done."
    if progress.run_id is None or progress.products == 0:
        return "Stopped; nothing was stored."
    finished = f"{progress.finished} of {counted(progress.products, 'product')}"
    return f"Stopped; {finished} finished and stored, and the next sync goes on from there."


def _put_failure(ctx: click.Context, failed: Exception, seconds: float) -> None:
    """Print the object of ``--json`` for a command that failed."""
    progress: Progress | None = ctx.meta.get(PROGRESS)
    message = failed.message if isinstance(failed, click.ClickException) else f"{type(failed).__name__}: {failed}"
    value: dict[str, Any] = {
        "run_id": progress.run_id if progress else None,
        "outcome": "failed",
        "streams": {},
        "gaps": [],
        "requests": progress.requests if progress else 0,
        "seconds": round(seconds, 3),
        "error": clean(message).removeprefix("Error: "),
    }
    with suppress(OutputError):  # which is why it failed, perhaps
        put_json(value)
