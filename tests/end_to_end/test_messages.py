"""`notify` over real ports: only what changed, never twice, whatever dies or fails in between."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from receivers import Reply, WebReceiver, web_receiver
from serving import COMMAND, command, environment
from small_account import feature_payload, small_account
from syncing import NOW, query, sync_account
from testio_analytics import errors
from testio_analytics.demo.account.model import Account, Feature
from testio_analytics.display.delivery import Waits
from testio_analytics.display.notify import Notified, notify
from testio_analytics.mirror.database import open_store
from waiting import PATIENCE

AT_ONCE = Waits(0, 0, 0)
SECRET = "planted-secret-5d1f"


@pytest.fixture
def account() -> Account:
    """Return an account to change between syncs."""
    return small_account()


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    """Return a receiver that takes everything unless told otherwise."""
    with web_receiver() as found:
        yield found


def address(receiver: WebReceiver) -> str:
    """Return its address as apprise writes it."""
    return f"json://127.0.0.1:{receiver.port}/{SECRET}?rto=0.2"


def tell(db: Path, receiver: WebReceiver) -> Notified:
    """Notify in this process, without waiting between tries."""
    return notify(db, to=address(receiver), waits=AT_ONCE)


def sync(account: Account, db: Path, day: int) -> None:
    """Sync some days later."""
    sync_account(account, db, now=NOW + timedelta(days=day))


def add_feature(account: Account, feature_id: int, title: str) -> None:
    """Add a feature to product 1."""
    product = account.products[0]
    product.features.append(Feature(feature_payload(feature_id) | {"title": title}, product.section_ids))


def texts(receiver: WebReceiver) -> list[str]:
    """Return subject and text of each message, in order."""
    return ["\n".join((json.loads(body)["title"], json.loads(body)["message"])) for _, _, body in receiver.got]


def test_each_change_is_told_once(account: Account, db_path: Path, receiver: WebReceiver) -> None:
    """The first message says the state, the next what changed, and where nothing did there is none; `@here` calls nobody."""
    sync(account, db_path, 0)
    tell(db_path, receiver)
    assert "never tested; complete" in texts(receiver)[0]
    assert tell(db_path, receiver).said.startswith("Nothing changed")
    sync(account, db_path, 0)
    assert tell(db_path, receiver).said.startswith("Nothing changed")
    add_feature(account, 177, "Gift cards @here <!channel>")
    sync(account, db_path, 1)
    tell(db_path, receiver)
    tell(db_path, receiver)

    assert len(receiver.got) == 2
    assert "Gift cards" in texts(receiver)[1]
    assert "@here" not in texts(receiver)[1] and "<!channel>" not in texts(receiver)[1]


def test_what_could_not_be_sent_is_told_next_time(account: Account, db_path: Path, receiver: WebReceiver) -> None:
    """All tries fail: nothing is remembered, and the next notify tells it."""
    sync(account, db_path, 0)
    receiver.replies += [Reply(500)] * 4
    with pytest.raises(errors.NotSentError, match="after 4 tries: the service answered 500"):
        tell(db_path, receiver)
    assert query(db_path, "select * from reported") == []
    assert tell(db_path, receiver).said.startswith("Sent to JSON")


def test_what_may_have_arrived_is_named_and_not_sent_again(
    account: Account, db_path: Path, receiver: WebReceiver
) -> None:
    """No answer came: the next message names the doubtful one, with the command that shows it, and only once."""
    sync(account, db_path, 0)
    tell(db_path, receiver)
    add_feature(account, 177, "Gift cards")
    sync(account, db_path, 1)
    receiver.replies.append(Reply(None))
    with pytest.raises(errors.PerhapsSentError):
        tell(db_path, receiver)
    tell(db_path, receiver)
    assert tell(db_path, receiver).said.startswith("Nothing changed")

    named = "A message about run 2 may or may not have arrived; `testio-analytics changes --from 1 --to 2`"
    assert len(receiver.got) == 3
    assert named in texts(receiver)[2] and "Gift cards" not in texts(receiver)[2]
    assert query(db_path, "select distinct state from reported") == [("sent",)]


def test_killed_while_it_is_sent(account: Account, db_path: Path, receiver: WebReceiver) -> None:
    """A real process that dies between the two notes: its message is not sent again, and the next one names it."""
    sync(account, db_path, 0)
    receiver.replies.append(Reply(None))
    to = {"TESTIO_NOTIFY_URL": address(receiver).replace("0.2", "300")}
    process = subprocess.Popen([*COMMAND, "notify", "--db", str(db_path)], env=environment("http://127.0.0.1:9/") | to)
    assert receiver.was_asked.wait(PATIENCE)
    process.kill()
    process.wait(PATIENCE)
    assert query(db_path, "select state from reported") == [("sending",)]

    done = tell(db_path, receiver)
    assert done.unclear and "run 1 may or may not have arrived" in texts(receiver)[1]
    assert tell(db_path, receiver).said.startswith("Nothing changed")


def test_two_at_once_send_one_message(account: Account, db_path: Path, receiver: WebReceiver) -> None:
    """Two commands side by side: one sends, the other one waits and then finds nothing new; neither shows the address."""
    sync(account, db_path, 0)
    variables = environment("http://127.0.0.1:9/") | {"TESTIO_NOTIFY_URL": address(receiver).replace("0.2", "60")}
    words = [*COMMAND, "notify", "--db", str(db_path)]
    both = [
        subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    said = sorted("".join(process.communicate(timeout=PATIENCE)) for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert len(receiver.got) == 1
    assert said[0].startswith("Nothing changed") and said[1].startswith("Sent to JSON")
    assert SECRET not in "".join(said)
    assert SECRET.encode() not in db_path.read_bytes()


def test_a_failed_sync_is_told_once_and_so_is_its_end(account: Account, db_path: Path, receiver: WebReceiver) -> None:
    """Three failed nights are one message; when it works again, that is the next one."""
    sync(account, db_path, 0)
    tell(db_path, receiver)
    with open_store(db_path) as db:
        db.conn.execute("update sync_runs set outcome = 'failed', error = 'The API refused the token'")
        db.conn.commit()
    for _ in range(3):
        done = tell(db_path, receiver)
    assert done.status.has_failed
    sync(account, db_path, 0)
    tell(db_path, receiver)

    subjects = [text.split("\n")[0] for text in texts(receiver)]
    assert len(subjects) == 3
    assert subjects[1] == "The last sync failed: The API refused the token"
    assert "complete" in subjects[2]


def test_wrong_calls_are_exit_code_2_and_name_no_address(account: Account, db_path: Path) -> None:
    """Neither an unknown scheme nor a missing address is sent anywhere; `status --line` prints one line."""
    sync(account, db_path, 0)
    wrong = command("notify", "--db", str(db_path), "--to", f"nonsense://{SECRET}")
    none = command("notify", "--db", str(db_path), cwd=db_path.parent)
    line = command("status", "--line", "--db", str(db_path))

    assert (wrong.returncode, none.returncode, line.returncode) == (2, 2, 0)
    assert SECRET not in wrong.stdout + wrong.stderr and "TESTIO_NOTIFY_URL" in none.stderr
    assert line.stdout == "2 of 8 features never tested; complete as of 30 June 2026, 06:00 UTC\n"
