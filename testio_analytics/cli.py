"""The command line: each command a few lines. Results go to standard output, messages to standard error.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from testio_analytics.config import DB_PATH_VARIABLE, resolve_db_path
from testio_analytics.console import PROGRESS, Command, is_watched, put, put_data, put_json, say, takes_colour
from testio_analytics.errors import ConfigError
from testio_analytics.text import clean, counted, length_of_time, listed, one_line

if TYPE_CHECKING:
    from datetime import timedelta

    import pandas as pd

    from testio_analytics.fleet.sync import AccountSync
    from testio_analytics.mirror.sync import SyncResult
    from testio_analytics.reports.doubt_words import Doubt
    from testio_analytics.reports.gate import Gate
    from testio_analytics.reports.registry import Report
    from testio_analytics.reports.status import Status

INCOMPLETE = 3
OVER_THE_LIMIT = 4

MOST_PROBLEMS = 10
"""Problems that `status` names in the terminal; `status --json` and `show completeness` say all."""

EXIT_CODES = """\b
Exit codes:
  0  done and complete
  1  failed (wrong token, no server, unreadable file ...)
  2  usage error
  3  done but incomplete: everything readable is stored, the gaps are named
  4  a limit that you set does not hold (status --max-age, gate)"""


class Commands(click.Group):
    """The group of commands."""

    command_class = Command


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

db_option: Decorator = click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Database file. Default: {DB_PATH_VARIABLE}, else data/testio.db.",
)
product_option: Decorator = click.option(
    "--product",
    "products",
    multiple=True,
    metavar="ID|NAME",
    help="Only this product, by its id or its whole name; may be repeated.",
)
as_of_option: Decorator = click.option(
    "--as-of",
    metavar="RUN|DATE",
    help="What was known after that sync run, or on that date (UTC). Default: the last sync.",
)
impact_option: Decorator = click.option(
    "--impact",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV with feature_id, impact (0 to 1), owner, note: what a failure of a feature would cost. Used by next_tests and packed_tests.",
)
account_option: Decorator = click.option(
    "--account", metavar="NAME", help="The account of that name in accounts.toml (TESTIO_ACCOUNTS), with its file."
)
all_accounts_option: Decorator = click.option("--all-accounts", is_flag=True, help="Every account of accounts.toml.")
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(package_name="testio-analytics")
def cli() -> None:
    """Which features of your Test IO account were never tested?

    \b
    Try it without an account:   testio-analytics demo
    With your own:               export TESTIO_CUSTOMER_API_TOKEN=...
                                 testio-analytics sync
                                 testio-analytics report
    """


@cli.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("testio-demo"),
    show_default=True,
    help="Folder for the pages and the demo database.",
)
def demo(output: Path) -> None:
    """Make all pages for a fictional account: no token, no network.

    One test of the demo account cannot be read, on purpose: the pages show how a gap is reported. The exit code is 0
    when that is the only one.
    """
    from testio_analytics.demo.run import run_demo

    result = run_demo(output)
    put(result.summary)
    for page in result.pages:
        put(str(page))
    say(f"Open {result.answer} in a browser. The database behind the pages is {result.db}.")
    if not result.is_as_planned:
        _name_gaps(result.sync)
        sys.exit(INCOMPLETE)


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@all_accounts_option
@product_option
@click.option(
    "--stream",
    "streams",
    multiple=True,
    metavar="NAME",
    help="Only this stream (features, tests, bugs, results, executions); may be repeated. The products themselves are always read; executions only when named here.",
)
@click.option("--full", is_flag=True, help="Confirm that more than half of a product's rows may be marked as removed.")
@click.option("--concurrency", type=click.IntRange(1, 16), default=10, show_default=True, help="Most requests at once.")
@click.option("--dry-run", is_flag=True, help="Fetch and compare, write nothing.")
@click.option(
    "--keep-history",
    metavar="AGE",
    help="Delete the history of what is longer ago: 90d, 26w, 2y. Default: all of it is kept.",
)
@json_option
def sync(
    db: Path | None,
    all_accounts: bool,
    products: tuple[int, ...],
    streams: tuple[str, ...],
    full: bool,
    concurrency: int,
    dry_run: bool,
    keep_history: str | None,
    as_json: bool,
) -> None:
    """Mirror the account into the database.

    Reads everything the token may see, writes only what changed, and names what could not be read. The token comes
    from TESTIO_CUSTOMER_API_TOKEN (Test IO: Integrations > API), also from a .env file in this folder.

    \b
    testio-analytics sync                                 # the whole account
    testio-analytics sync --product 21362 --stream features
    testio-analytics sync --dry-run --json                # what would change?
    """
    kept = None if keep_history is None else length_of_time(keep_history)
    if all_accounts:
        if unused := [name for name, value in {"--db": db, "--product": products}.items() if value]:
            raise click.UsageError(f"--all-accounts reads each account whole: {unused[0]} is not used beside it.")
        _sync_all(streams, full, concurrency, dry_run, kept, as_json)
        return
    result = _run_sync(db, products, streams, full, concurrency, dry_run, kept)
    if as_json:
        put_json(result.as_dict())
    else:
        _print_counts(result, dry_run)
    if result.runs_let_go:
        say(
            f"The state after {counted(result.runs_let_go, 'run')} can no longer be rebuilt: longer ago than {keep_history}."
        )
    if result.outcome == "incomplete":
        _name_gaps(result)
        sys.exit(INCOMPLETE)


def _run_sync(
    db: Path | None,
    products: Sequence[int],
    streams: Sequence[str],
    full: bool,
    concurrency: int,
    dry_run: bool,
    keep_history: timedelta | None,
) -> SyncResult:
    from testio_analytics.accounts import api_settings
    from testio_analytics.api.client import Client
    from testio_analytics.concurrency import run
    from testio_analytics.mirror.sync import checked_streams, progress_bar, sync_async

    checked_streams(streams or None)  # a usage error is one even without a token

    async def with_client() -> SyncResult:
        async with Client(api_settings(), concurrency=concurrency) as client:
            return await sync_async(
                db,
                product_ids=products or None,
                streams=streams or None,
                full=full,
                dry_run=dry_run,
                keep_history=keep_history,
                client=client,
                progress=progress,
            )

    with progress_bar(shown=is_watched(sys.stderr)) as progress:
        click.get_current_context().meta[PROGRESS] = progress
        return run(with_client())


def _sync_all(
    streams: Sequence[str],
    full: bool,
    concurrency: int,
    dry_run: bool,
    keep_history: timedelta | None,
    as_json: bool,
) -> None:
    """Mirror every account and exit by the gravest outcome."""
    from testio_analytics.accounts import read_accounts
    from testio_analytics.concurrency import run
    from testio_analytics.fleet.sync import as_dict, sync_accounts
    from testio_analytics.mirror.sync import checked_streams, progress_bar

    checked_streams(streams or None)
    accounts, started = read_accounts().values(), time.monotonic()
    with progress_bar(shown=is_watched(sys.stderr)) as progress:
        syncs = run(
            sync_accounts(
                accounts,
                streams=streams or None,
                full=full,
                dry_run=dry_run,
                keep_history=keep_history,
                concurrency=concurrency,
                progress=progress,
            )
        )
    if as_json:
        put_json(as_dict(syncs, time.monotonic() - started))
    else:
        _print_syncs(syncs)
    _exit_by_gravest(one.outcome for one in syncs)


def _print_syncs(syncs: Sequence[AccountSync]) -> None:
    """Print a line for each account; why one failed, and what could not be read of it, on standard error."""
    width = max(len(one.account) for one in syncs)
    for one in syncs:
        if one.result is None:
            put(f"{one.account:{width}}  failed")
            say(f"{one.account}: {one.error}")
            continue
        counts = one.result.streams.values()
        changed = [
            f"{sum(getattr(each, name) for each in counts):,} {name}" for name in ("created", "updated", "removed")
        ]
        put(f"{one.account:{width}}  {one.outcome:10}  {', '.join(changed)}")
        if one.result.gaps:
            say(
                f"{one.account}: {counted(len(one.result.gaps), 'gap')}; `testio-analytics status --account {one.account}` names them."
            )


def _exit_by_gravest(outcomes: Iterable[str]) -> None:
    """Exit as failed where anything failed, else as incomplete where anything is."""
    found = {*outcomes}
    if "failed" in found:
        sys.exit(1)
    if "incomplete" in found:
        sys.exit(INCOMPLETE)


def _print_counts(result: SyncResult, dry_run: bool) -> None:
    columns = ("created", "updated", "unchanged", "removed", "rejected", "total")
    put(f"{'':10}" + "".join(f"{name:>11}" for name in columns))
    for stream, counts in result.streams.items():
        put(f"{stream:10}" + "".join(f"{getattr(counts, name):>11,}" for name in columns))
    done = "Compared, nothing written" if dry_run else f"Run {result.run_id} {result.outcome}"
    say(f"{done}: {result.requests} requests in {result.seconds:.1f} s.")


def _name_gaps(result: SyncResult) -> None:
    say(f"Incomplete: {len(result.gaps)} part{'s' if len(result.gaps) > 1 else ''} could not be read.")
    for gap in result.gaps:
        product = "" if gap.product_id is None else f"product {gap.product_id}, "
        say(f"  {product}{gap.stream}: {gap.where}\n    {gap.reason}")
    say("Everything else is stored. Sync again to try the rest; `testio-analytics status` keeps the list.")


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@all_accounts_option
@click.option("--max-age", metavar="AGE", help="Exit with 4 when a complete read is older: 90m, 24h, 7d.")
@click.option("--line", "only_line", is_flag=True, help="Print only the first line, which is fit for a mail's subject.")
@json_option
def status(db: Path | None, all_accounts: bool, max_age: str | None, only_line: bool, as_json: bool) -> None:
    """Say how old and how complete the database is, what is missing, and what to do next.

    The first line says all of it in short, the most important first. The exit code is 3 when something is missing or
    the last sync failed, so that a nightly job can ask.
    """
    from testio_analytics.reports.status import status as read_status

    if all_accounts:
        _status_of_all(db, max_age, as_json)
        return
    found = read_status(db, max_age=max_age)
    if as_json:
        put_json(found.as_dict())
    elif only_line:
        put(found.line)
    else:
        _print_status(found)
    if code := found.exit_code:
        sys.exit(code)


def _status_of_all(db: Path | None, max_age: str | None, as_json: bool) -> None:
    """Print a line for each account, and exit by the gravest."""
    from testio_analytics.accounts import read_accounts
    from testio_analytics.fleet.accounts import account_states, gravest

    if db is not None:
        raise click.UsageError("--all-accounts knows the files: --db is not used beside it.")
    states = account_states(read_accounts().values(), max_age=max_age)
    if as_json:
        put_json({"accounts": {state.account: state.as_dict() for state in states}})
    else:
        width = max(len(state.account) for state in states)
        for state in states:
            put(f"{state.account:{width}}  {one_line(state.line)}")
    if code := gravest(state.exit_code for state in states):
        sys.exit(code)


@cli.command()
@json_option
def accounts(as_json: bool) -> None:
    """List the accounts of accounts.toml: file, last complete sync, gaps, and what to do next.

    The file is named by TESTIO_ACCOUNTS, else it is accounts.toml in this folder. It holds no token, only the name of
    the variable that does:

    \b
    [acme]
    token_env = "ACME_TOKEN"   # without it, the token comes from the keychain
    db = "acme.db"             # counted from this file; then, where they are needed:
    base_url = "https://api.test.io/customer/v2"
    web_url = "https://acme.test.io"
    tracker_url = "https://acme.atlassian.net/browse/{key}"
    """
    from testio_analytics.accounts import read_accounts
    from testio_analytics.display.terminal import text_table
    from testio_analytics.fleet.accounts import account_states, account_table

    states = account_states(read_accounts().values())
    if as_json:
        put_json({"accounts": {state.account: state.as_dict() for state in states}})
    else:
        put(text_table(account_table(states), width=terminal_width()))


def _print_status(found: Status) -> None:
    """Print all in one line, what is wrong, the products, what to do; nothing on standard error when nothing is wrong."""
    from testio_analytics.display.terminal import text_table
    from testio_analytics.reports.health import product_table

    put(found.line)
    for problem in found.problems[:MOST_PROBLEMS]:
        say(one_line(problem))
    if (more := len(found.problems) - MOST_PROBLEMS) > 0:
        say(f"And {more} more: `testio-analytics status --json` names all.")
    for line in (str(found.db), *found.notes):
        put(one_line(line))
    if not found.table.empty:
        put(text_table(product_table(found.table), width=terminal_width()))
    if found.problems:
        say(found.advice)
    else:
        put(clean(found.advice))


def terminal_width() -> int | None:
    """Return the width of the terminal; None for a pipe, where nothing is cut."""
    return shutil.get_terminal_size((120, 40)).columns if is_watched(sys.stdout) else None


def _name_doubts(found: Collection[Doubt], scope: str | None) -> None:
    """Say what the figures cover and what puts them in doubt; where anything does, exit as incomplete."""
    from testio_analytics.reports.doubt_words import sentences

    if scope is not None:
        say(scope)
    for sentence in sentences(found):
        say(f"{sentence}.")
    if not all(doubt.was_asked for doubt in found):
        say("`testio-analytics sync` without --stream reads what was never asked for.")
    if found:
        sys.exit(INCOMPLETE)


def _name_unknown_weights(path: Path, impact: Path | None) -> None:
    """Say which weights of the user are of no feature of the account, whichever products are shown."""
    if impact is None:
        return
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.impact import unknown_impact_note

    if note := unknown_impact_note(load_mirror(path), impact):
        say(note)


@cli.command(epilog=EXIT_CODES)
@click.argument("report", default="list")
@click.option("--list", "is_list", is_flag=True, help="Name the reports, by the question that they answer.")
@db_option
@account_option
@all_accounts_option
@click.option("--anonymous", is_flag=True, help="`show portfolio`: without the names of the accounts.")
@product_option
@as_of_option
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True, help="Form."
)
@impact_option
@click.option("--feature", metavar="ID|TITLE", help="`show feature`: all about this one.")
@click.option("--test", metavar="ID|TITLE", help="`show test`: all about this one.")
@click.option("--bug", metavar="ID|TITLE", help="`show bug`: all about this one.")
@click.option("--columns", metavar="A,B,...", help="Only these columns, in this order.")
@click.option("--sort", metavar="[-]COLUMN", help="Sort by this column, with - the highest first.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Only the first N rows.")
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only rows of this state; may be repeated.")
@click.option("--search", metavar="WORDS", help="Only what has these words in title or description.")
@click.option(
    "--stale-after",
    type=click.FloatRange(0, min_open=True),
    metavar="DAYS",
    help="When a test is too old to count as recent.",
)
@click.option(
    "--by", metavar="WORD", help="What the rows are by, such as month, quarter, year or week, or a part of the device."
)
@click.option("--period", metavar="2026-Q2", help="`compare_periods`: this quarter, month or year.")
@click.option("--against", metavar="2026-Q1", help="`compare_periods`: beside this one; default: the one before.")
def show(
    report: str,
    is_list: bool,
    db: Path | None,
    all_accounts: bool,
    anonymous: bool,
    products: tuple[int, ...],
    as_of: str | None,
    form: str,
    impact: Path | None,
    columns: str | None,
    sort: str | None,
    limit: int | None,
    states: tuple[str, ...],
    search: str | None,
    stale_after: float | None,
    by: str | None,
    period: str | None,
    against: str | None,
    **things: str | None,
) -> None:
    """Print one report; without a name, list the reports by the question that they answer.

    A table in the terminal shows the columns that matter most and fit, and says which it left out. Files (csv, json) hold
    all rows and columns, unless options choose some.

    \b
    testio-analytics show untested_features --product "Harbour Boards" --limit 20
    testio-analytics show features --search "address check"
    testio-analytics show coverage_by_section --sort -untested --columns section,untested
    testio-analytics show feature_catalog --format csv > catalog.csv
    testio-analytics show compare_periods --period 2026-Q2 --against 2026-Q1
    testio-analytics show feature --feature 310353        # all about one; also product, test, bug
    """
    rows: dict[str, object] = {"--columns": columns, "--sort": sort, "--limit": limit is not None, "--state": states}
    rows |= {"--search": search, "--stale-after": stale_after, "--by": by, "--period": period, "--against": against}
    if report in (*things, "product"):
        if unused := [option for option, value in rows.items() if value]:
            raise click.UsageError(f"`testio-analytics show {report}` shows one thing: {unused[0]} is not used.")
        _show_thing(report, things, db, products, as_of, form, impact)
        return
    if unused := [name for name, value in things.items() if value is not None]:
        raise click.UsageError(f"--{unused[0]} is only used by `testio-analytics show {unused[0]}`.")
    given: dict[str, object]
    if all_accounts or anonymous:
        given = {"--db": db, "--product": products, "--impact": impact, "--state": states, "--search": search}
        given |= {"--stale-after": stale_after, "--by": by}
        if report != "portfolio" or not all_accounts:
            raise click.UsageError("Accounts stand side by side in `testio-analytics show portfolio --all-accounts`.")
        if unused := [option for option, value in given.items() if value]:
            raise click.UsageError(f"The portfolio shows each account whole: {unused[0]} is not used.")
        _show_portfolio(as_of, form, anonymous, (columns, sort, limit))
        return
    from testio_analytics.reports import registry

    if is_list or report == "list":
        given = {
            "--db": db,
            "--product": products,
            "--as-of": as_of,
            "--impact": impact,
            "--format": form != "table",
            **rows,
        }
        if unused := [option for option, value in given.items() if value]:
            raise click.UsageError(
                f"The list of reports comes from no database and has one form: {unused[0]} is not used."
            )
        put(registry.report_list())
        return
    from testio_analytics.display.selection import Selection, check, columns_in, selected

    declared, asked = registry.report_of(report), Selection(columns_in(columns), states, sort, limit)
    check(declared, asked)
    frame, found, scope = registry.make(
        report,
        resolve_db_path(db),
        product_id=products or None,
        as_of=as_of,
        impact=impact,
        stale_after=stale_after,
        by=by,
        period=period,
        against=against,
        search=search,
    )
    frame, notes = selected(frame, declared, asked)
    _print_report(frame, form, declared, asked.columns)
    for note in notes:
        say(note)
    _name_unknown_weights(resolve_db_path(db), impact)
    _name_doubts(found, scope)


def _show_portfolio(
    as_of: str | None, form: str, anonymous: bool, chosen: tuple[str | None, str | None, int | None]
) -> None:
    """Print a row for each account and their sums; whose figures are in doubt, or missing, on standard error."""
    from dataclasses import replace

    from testio_analytics.accounts import read_accounts
    from testio_analytics.display.selection import Selection, check, columns_in, selected
    from testio_analytics.fleet.engine import account_columns
    from testio_analytics.fleet.portfolio import portfolio_of
    from testio_analytics.reports.registry import report_of

    report, (columns, sort, limit) = report_of("portfolio"), chosen
    report = replace(report, columns=account_columns(report), terminal=("account", *report.terminal))
    asked = Selection(columns_in(columns), (), sort, limit)
    check(report, asked)
    frame, fleet = portfolio_of(read_accounts().values(), anonymous=anonymous, as_of=as_of)
    frame, notes = selected(frame, report, asked)
    _print_report(frame, form, report, asked.columns)
    for note in notes:
        say(note)
    troubled = fleet.outcome[fleet.outcome["outcome"] != "complete"]
    for name, outcome, reason in zip(troubled["account"], troubled["outcome"], troubled["reason"], strict=True):
        if anonymous:
            continue
        say(
            f"{name}: {reason}"
            if outcome == "failed"
            else f"{name} is in doubt: `testio-analytics status --account {name}` says why."
        )
    _exit_by_gravest("failed" if outcome == "failed" else "incomplete" for outcome in troubled["outcome"])


def _show_thing(
    kind: str,
    things: Mapping[str, str | None],
    db: Path | None,
    products: tuple[int, ...],
    as_of: str | None,
    form: str,
    impact: Path | None,
) -> None:
    """Print all about one feature, product, test or bug."""
    from testio_analytics.display.about import about_formatted, about_of
    from testio_analytics.frames.loaders import load_mirror

    given = {**things, "product": products[0] if len(products) == 1 else None}
    asked = given.pop(kind)
    if asked is None:
        raise click.UsageError(f"Say which one: `testio-analytics show {kind} --{kind} ID`.")
    if unused := [name for name, value in given.items() if value is not None and name != "product"]:
        raise click.UsageError(f"--{unused[0]} is only used by `testio-analytics show {unused[0]}`.")
    only = None if kind == "product" else products or None
    mirror = load_mirror(resolve_db_path(db), product_id=only, as_of=as_of)
    found = about_of(mirror, kind, asked, impact=impact)
    write = put if form == "table" else put_data
    write(about_formatted(found, form, width=terminal_width()), nl=form != "csv")
    _name_doubts(found.doubts, None)


def _print_report(frame: pd.DataFrame, form: str, report: Report, columns: Sequence[str] = ()) -> None:
    """Print a report, and say which columns the terminal is too narrow for."""
    from testio_analytics.display.terminal import formatted

    is_coloured = takes_colour(sys.stdout)
    shown = formatted(frame, form, report=report, width=terminal_width(), columns=columns, is_coloured=is_coloured)
    write = put if form == "table" else put_data
    write(shown.text, nl=form != "csv")
    if shown.left_out:
        say(
            f"Not shown, for want of width: {listed(shown.left_out, most=len(shown.left_out))}. Choose with --columns, or use --format csv."
        )


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@product_option
@click.option(
    "--from", "since", metavar="RUN|DATE", help="The earlier state. Default: the last report, else the run before."
)
@click.option("--to", "until", metavar="RUN|DATE", help="The later state. Default: the last sync.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "markdown"]),
    default="table",
    show_default=True,
    help="Form; markdown is for a chat or a ticket.",
)
def changes(db: Path | None, products: tuple[int, ...], since: str | None, until: str | None, form: str) -> None:
    """Say what changed between two syncs, and what could merely be read, or not.

    \b
    testio-analytics changes                              # since the last report
    testio-analytics changes --from 2026-06-01 --format markdown
    testio-analytics changes --from 12 --to 15 --product 18559
    """
    from testio_analytics.display.markdown import changes_markdown
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.asked import scope_note
    from testio_analytics.reports.changes import earlier_state, state_name, what_changed
    from testio_analytics.reports.registry import report_of

    later = load_mirror(resolve_db_path(db), product_id=products or None, as_of=until)
    earlier = earlier_state(later, since)
    if earlier is None:
        say(f"There is no earlier state to compare {state_name(later)} with.")
        return
    say(f"From {state_name(earlier)} to {state_name(later)}.")
    found = what_changed(earlier, later)
    if form == "markdown":
        put(changes_markdown(found))
    else:
        _print_report(found.table, form, report_of("changes"))
    say(found.sentence)
    _name_doubts(found.doubts, scope_note(later))


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@product_option
@as_of_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder for the pages.",
)
@impact_option
@click.option(
    "--split-by", type=click.Choice(["product"]), help="A folder with pages of its own for each, and an index.html."
)
@click.option(
    "--pdf", is_flag=True, help="Each page as PDF as well, printed by the installed Chromium, Chrome or Edge."
)
@click.option("--zip", "as_zip", is_flag=True, help="All of it in one zip file as well, to be mailed.")
def report(
    db: Path | None,
    products: tuple[int, ...],
    as_of: str | None,
    output: Path,
    impact: Path | None,
    split_by: str | None,
    pdf: bool,
    as_zip: bool,
) -> None:
    """Run the notebooks on the database and write one self-contained HTML page each.

    When anything fails, the pages of the last time stay as they are.
    """
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.pages.build import make_pages
    from testio_analytics.pages.state import one_state
    from testio_analytics.reports.asked import scope_note
    from testio_analytics.reports.doubts import doubts

    with one_state(resolve_db_path(db)) as state:
        mirror = load_mirror(state.copy, product_id=products or None, as_of=as_of)
        pages = make_pages(
            state,
            output,
            product_ids=products or None,
            as_of=as_of,
            impact=impact,
            by_product=split_by is not None,
            pdf=pdf,
            as_zip=as_zip,
        )
        for page in pages:
            put(str(page))
        _name_unknown_weights(state.copy, impact)
        if as_of is None:
            _remember_report(state.origin, mirror.run_id, products)
    _name_doubts(doubts(mirror), scope_note(mirror))


def _remember_report(path: Path, run_id: int | None, products: Sequence[int]) -> None:
    """Note which run people were told of, so that the next report can say what changed since."""
    from testio_analytics.mirror.reported import remember

    if run_id is not None and remember(path, kind="report", run_id=run_id, products=products or None) is None:
        say(f"{path} cannot be written to, so the next report will not know of this one.")


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@product_option
@as_of_option
@click.option("--rule", "rules", multiple=True, required=True, metavar="RULE", help="A rule; may be repeated.")
@click.option("--since", metavar="RUN|DATE", help="What changes are counted from. Default: the last report or message.")
@click.option("--on-interval", is_flag=True, help="The whole 95 % interval of a figure that has one must hold.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the verdicts as JUnit XML, too.")
@json_option
def gate(
    db: Path | None,
    products: tuple[int, ...],
    as_of: str | None,
    rules: tuple[str, ...],
    since: str | None,
    on_interval: bool,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Hold figures of the totals against limits that you set.

    A rule that does not hold makes the exit code 4, one that cannot be judged, because of a gap for example, 3. Where a
    name stands in several totals, write REPORT.NAME.

    \b
    testio-analytics gate --rule "recent_share >= 60 %" --rule "triage_total.rejection < 0.2"
    testio-analytics gate --rule "new critical_bugs == 0" --rule "untested does not grow" --since 2026-06-01
    """
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.mirror.reported import last_reported
    from testio_analytics.reports.asked import scope_note
    from testio_analytics.reports.gate import gate as judge

    path = resolve_db_path(db)
    mirror = load_mirror(path, product_id=products or None, as_of=as_of)
    earlier: str | int | None = since
    if since is None and mirror.run_id is not None:
        earlier = last_reported(path, before_run=mirror.run_id, products=mirror.product_ids)
    before = None if earlier is None else mirror.at(earlier)
    found = judge(mirror, rules, on_interval=on_interval, before=before)
    if junit is not None:
        from testio_analytics.display.junit import junit_xml

        junit.write_text(junit_xml(found), encoding="utf-8")
    if (scope := scope_note(mirror)) is not None:
        say(scope)
    _print_verdicts(found, as_json)


def _print_verdicts(found: Gate, as_json: bool) -> None:
    """Print a line for each rule, name on standard error those that are no pass, and exit by the gravest."""
    from textwrap import fill

    if as_json:
        put_json(found.as_dict())
    else:
        for verdict in found.verdicts:
            put(fill(verdict.line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
    for holds, what in ((None, "Cannot be judged"), (False, "Does not hold")):
        if rules := [verdict.rule for verdict in found.verdicts if verdict.holds is holds]:
            say(f"{what}: {'; '.join(rules)}.")
    if not found.holds:
        sys.exit(INCOMPLETE if found.holds is None else OVER_THE_LIMIT)


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@product_option
@as_of_option
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet", "xlsx"]), default="csv", show_default=True, help="Form."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("export"),
    show_default=True,
    help="Folder for the files.",
)
@impact_option
def export(
    db: Path | None,
    products: tuple[int, ...],
    as_of: str | None,
    form: str,
    output: Path,
    impact: Path | None,
) -> None:
    """Write all tables and reports as files for other programs.

    \b
    testio-analytics export                                # CSV files in ./export
    testio-analytics export --format parquet               # types kept
    testio-analytics export --format xlsx --output shared  # one workbook
    """
    from testio_analytics.display.files import export_mirror
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.asked import scope_note
    from testio_analytics.reports.doubts import doubts

    path = resolve_db_path(db)
    mirror = load_mirror(path, product_id=products or None, as_of=as_of)
    for written in export_mirror(mirror, output, form=form, as_of=as_of, impact=impact):
        put(str(written))
    _name_unknown_weights(path, impact)
    _name_doubts(doubts(mirror), scope_note(mirror))


@cli.command(epilog=EXIT_CODES)
@db_option
@account_option
@product_option
@click.option(
    "--to",
    metavar="URL",
    help="Address as apprise writes it (mailto://..., slack://..., workflows://...). It is a secret: better in "
    "TESTIO_NOTIFY_URL, its default, than in the history of a shell.",
)
def notify(db: Path | None, products: tuple[int, ...], to: str | None) -> None:
    """Send people what changed since the last message, if anything did.

    The first message says the state. Nothing is told twice: a message of which nobody knows whether it arrived (the
    process was killed while it was sent, or no answer came) is not sent again, and the next one names it, with the
    command that shows what it was about. A message that certainly did not arrive is tried a few times; then the exit
    code is 1, and the next notify tells the same and what changed meanwhile.

    \b
    export TESTIO_NOTIFY_URL='mailto://user:password@example.com?to=qa-team@example.com'
    testio-analytics notify
    """
    from testio_analytics.display.notify import notify as send_message

    try:
        done = send_message(db, to=to, product_ids=products or None)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    for words in done.unclear:
        say(words)
    put(one_line(done.said))
    if not done.status.is_complete or done.status.has_failed:
        say(f"{done.status.line}.")
        sys.exit(INCOMPLETE)


@cli.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=Path("notebooks"))
def notebooks(folder: Path) -> None:
    """Copy the notebooks to a folder to work in (default: notebooks). Nothing there is overwritten.

    The copies read the database that this command would use now: TESTIO_DB_PATH, else data/testio.db in this folder.
    """
    from testio_analytics.pages.notebooks import copy_notebooks

    db = resolve_db_path()
    for path in copy_notebooks(folder, db=db):
        put(str(path))
    say(f"They read {db}. Open them with: jupyter lab {folder}")


@cli.command()
@click.option("--product-id", type=int, default=18559, show_default=True, help="Product whose features are synced.")
@click.option("--iterations", type=click.IntRange(1), default=3, show_default=True, help="How often.")
@click.option("--threshold", type=float, default=30.0, show_default=True, metavar="S", help="Most seconds (median).")
def benchmark(product_id: int, iterations: int, threshold: float) -> None:
    """Time the feature sync of one product, each run into a new database.

    Beside each run stands its bound: the time that the same chain of requests takes alone, at the same concurrency,
    without reading, comparing or storing anything. The exit code is 1 when the median is over the threshold.
    """
    from testio_analytics.mirror.benchmark import run_benchmark

    if not run_benchmark(product_id, iterations=iterations, threshold=threshold, write=put):
        sys.exit(1)


@cli.command()
@db_option
@click.option("--to", type=int, metavar="VERSION", help="Schema version to go to, up or down. Default: the newest.")
def migrate(db: Path | None, to: int | None) -> None:
    """Show the schema version of the database and change it, after a backup.

    \b
    testio-analytics migrate             # bring an older database to the newest version
    testio-analytics migrate --to 1      # go down again; what later versions brought is dropped
    """
    from testio_analytics.mirror.database import migrate_file

    for line in migrate_file(resolve_db_path(db), to):
        put(line)


@cli.command("demo-server")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 for a free one.")
@click.option("--token", default="demo", show_default=True, help="Token that clients must send.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=VALUE]", help="Misbehave; `--fault list` names them.")
def demo_server(port: int, token: str, faults: tuple[str, ...]) -> None:
    """Serve the demo account as a real HTTP API under /customer/v2, until Ctrl-C.

    \b
    testio-analytics demo-server --port 8000 &
    export TESTIO_CUSTOMER_API_BASE_URL=http://127.0.0.1:8000/customer/v2
    export TESTIO_CUSTOMER_API_TOKEN=demo
    testio-analytics sync --db demo.db
    """
    from testio_analytics.demo.server.faults import FAULT_HELP, parse_faults

    if "list" in faults:
        put(FAULT_HELP)
        return
    chosen = parse_faults(faults)
    from testio_analytics.demo.server.server import serve

    try:
        serve(port=port, token=token, faults=chosen, on_ready=put)
    except OSError as error:
        raise click.ClickException(f"Port {port} cannot be used: {error}. Name another with --port, or 0.") from error
