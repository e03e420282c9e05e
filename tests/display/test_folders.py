"""Files into a folder, all of them or none, and nothing left behind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from testio_analytics import config
from testio_analytics.display.folders import WORK_PREFIX, check_ours, made_in, move_together, work_folder
from testio_analytics.errors import ReportError


def hidden(folder: Path) -> list[str]:
    """Return the names of what is left from making files in the folder."""
    return [path.name for path in folder.iterdir() if path.name.startswith(WORK_PREFIX)]


def staged(folder: Path, *names: str) -> list[Path]:
    """Write today's files into the hidden folder."""
    paths = [folder / name for name in names]
    for path in paths:
        path.write_text("today")
    return paths


def test_the_hidden_folder_is_inside_private_and_gone_afterwards(tmp_path: Path) -> None:
    """Nobody else can read it, and the folders that were made for nothing go with it."""
    target = tmp_path / "deep" / "out"
    with pytest.raises(KeyboardInterrupt), made_in(target) as folder:
        assert folder.parent == target
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_target_stays(tmp_path: Path) -> None:
    """Only the hidden folder goes."""
    (tmp_path / "mine").write_text("x")
    with made_in(tmp_path):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_target_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    """The block does not begin."""
    (tmp_path / "out").write_text("a file")
    begun = []
    with pytest.raises(ReportError, match="cannot be written to"), made_in(tmp_path / "out" / "deeper"):
        begun.append(True)

    assert not begun


def test_the_folder_of_a_killed_process_is_cleared_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    """The lock tells them apart, not an age; a folder of that name without a lock is somebody else's."""
    program = (
        "import os, pathlib; from testio_analytics.display.folders import work_folder\n"
        f"work = work_folder(pathlib.Path({str(tmp_path)!r})); work.__enter__(); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(config.__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    killed = hidden(tmp_path)
    other = tmp_path / f"{WORK_PREFIX}other"
    other.mkdir()
    with work_folder(tmp_path) as living, work_folder(tmp_path):
        left = hidden(tmp_path)

    assert len(killed) == 1
    assert not {*killed} & {*left}
    assert {living.name, other.name} < {*left}


def test_files_are_moved_over_those_that_were_there(tmp_path: Path) -> None:
    """Each to its place, in order, folders made where they are missing; a link is replaced, not followed."""
    (tmp_path / "a").write_text("yesterday")
    (tmp_path / "elsewhere").write_text("yesterday")
    (tmp_path / "b").symlink_to("elsewhere")
    with made_in(tmp_path) as folder:
        one, two, three = staged(folder, "a", "b", "c")
        moves = {one: tmp_path / "a", two: tmp_path / "b", three: tmp_path / "sub" / "c"}
        assert move_together(moves) == [*moves.values()]

    assert [place.read_text() for place in moves.values()] == ["today"] * 3
    assert (tmp_path / "elsewhere").read_text() == "yesterday"
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_when_one_cannot_be_moved_all_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """What was replaced is put back, what was new is taken away, on a volume without links as well."""

    def without_links(*_: object, **__: object) -> None:
        raise OSError("no links here")

    if not has_links:
        monkeypatch.setattr("os.link", without_links)
    (tmp_path / "a").write_text("yesterday")
    (tmp_path / "c").mkdir()
    with (
        pytest.raises(ReportError, match=r"c could not be replaced: .*as it was before"),
        made_in(tmp_path) as folder,
    ):
        one, two, three, four = staged(folder, "a", "b", "c", "d")
        places = (tmp_path / "a", tmp_path / "sub" / "b", tmp_path / "c", tmp_path / "d")
        move_together(dict(zip((one, two, three, four), places, strict=True)))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
    assert (tmp_path / "a").read_text() == "yesterday"


def test_what_somebody_else_made_is_not_replaced(tmp_path: Path) -> None:
    """It is named; what is not there yet is no hindrance, and a dangling link is there."""
    ours, theirs, link = (tmp_path / name for name in ("ours", "theirs", "link"))
    ours.write_text("ours")
    theirs.write_text("theirs")
    link.symlink_to("nowhere")

    check_ours([ours, tmp_path / "new"], lambda place: place.name == "ours", made_by="a test")
    with pytest.raises(ReportError, match="theirs and link, not made by a test"):
        check_ours([ours, theirs, link], lambda place: place.name == "ours", made_by="a test")
