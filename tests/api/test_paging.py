"""Lists of unknown length: where they end, what is lost to broken rows and pages, and lists that move meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import Handler, ask, failing
from testio_analytics.api.client import ATTEMPTS
from testio_analytics.api.paging import PAGE_SIZE, PAGES_AT_ONCE, PagedList

# -- paging ----------------------------------------------------------------------------------------------------------


class _Listing:
    """The test list of a fake server: ids count down from the top, some rows break every page that holds them."""

    def __init__(self, total: int, poisoned: Iterable[int] = (), *, dead: Iterable[int] = (), fault: int = 500) -> None:
        self.ids = [10_000 - position for position in range(1, total + 1)]
        self.poisoned = {self.ids[position - 1] for position in poisoned}
        self.dead = set(dead)
        self.fault = fault
        self.asked: list[tuple[int, int]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        number, size = int(request.url.params["page"]), int(request.url.params["per_page"])
        self.asked.append((number, size))
        positions = range((number - 1) * size, number * size)
        rows = self.ids[positions.start : positions.stop]
        if self.poisoned & set(rows) or any(position // PAGE_SIZE + 1 in self.dead for position in positions):
            return httpx.Response(self.fault)
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows]})

    def read(self) -> PagedList:
        """Read the whole list with the client."""
        return ask(self, lambda client: client.tests(1))


def _found(listed: PagedList) -> list[int]:
    return [test["id"] for test in listed.rows]


@pytest.mark.parametrize("total", [0, 1, 24, 25, 26, 49, 50, 51, 75, 150, 151, 1300, 1301])
def test_paging_ends_after_the_last_row(total: int) -> None:
    """On a short page and on an empty one, without any cap, and without asking far beyond the end."""
    server = _Listing(total)
    listed = server.read()
    assert _found(listed) == server.ids
    assert (listed.lost, listed.is_settled) == ((), True)
    assert all(size == PAGE_SIZE for _, size in server.asked)
    assert max(number for number, _ in server.asked) <= total // PAGE_SIZE + PAGES_AT_ONCE


def _check_one_hole(total: int, position: int) -> None:
    server = _Listing(total, [position])
    listed = server.read()
    lost = server.ids[position - 1]
    assert _found(listed) == [row for row in server.ids if row != lost]
    (hole,) = listed.lost
    assert (hole.position, hole.count) == (position, 1)
    assert hole.after == (lost + 1 if position > 1 else None)
    assert hole.before == (lost - 1 if position < total else None)
    assert "500" in hole.reason
    assert hole.attempts == ATTEMPTS


@pytest.mark.parametrize("position", range(1, 78))
def test_one_poisoned_row_costs_only_itself_at_every_position(position: int) -> None:
    """First, last, on each side of each border of each page size: one hole with its true neighbours, every other row there."""
    _check_one_hole(77, position)


@pytest.mark.parametrize("position", [1, 2, 25, 26, 649, 650, 651, 1275, 1276, 1299, 1300])
def test_one_poisoned_row_of_1300(position: int) -> None:
    """1,299 rows and one named hole."""
    _check_one_hole(1300, position)


@given(total=st.integers(1, 120), data=st.data())
def test_scattered_poisoned_rows_cost_only_themselves(total: int, data: st.DataObject) -> None:
    """Up to three broken rows anywhere, adjacent ones among them: as many holes, and every other row is there."""
    poisoned = data.draw(st.sets(st.integers(1, total), max_size=3))
    listed = _Listing(total, poisoned).read()
    assert _found(listed) == [10_000 - position for position in range(1, total + 1) if position not in poisoned]
    assert [(hole.position, hole.count) for hole in listed.lost] == [(position, 1) for position in sorted(poisoned)]


@given(total=st.integers(1, 130), data=st.data())
def test_nothing_is_lost_in_silence(total: int, data: st.DataObject) -> None:
    """Whatever is broken: each row is found or lies inside a hole that says so, and the reading ends."""
    poisoned = data.draw(st.sets(st.integers(1, total), max_size=40))
    dead = data.draw(st.sets(st.integers(1, 6), max_size=3))
    server = _Listing(total, poisoned, dead=dead)
    listed = server.read()
    found = set(_found(listed))
    for position, row in enumerate(server.ids, 1):
        assert row in found or any(
            hole.position <= position and (hole.count is None or position < hole.position + hole.count)
            for hole in listed.lost
        )
    assert len(found) == len(listed.rows)


@pytest.mark.parametrize("fault", [500, 524, 503])
def test_whole_dead_page_is_one_hole(fault: int) -> None:
    """A page that cannot be read at all is named as such, between its neighbours."""
    server = _Listing(130, dead=[3], fault=fault)
    listed = server.read()
    assert _found(listed) == server.ids[:50] + server.ids[75:]
    (hole,) = listed.lost
    assert (hole.position, hole.count, hole.after, hole.before) == (51, 25, server.ids[49], server.ids[75])


def test_dead_last_page_claims_no_number() -> None:
    """When the page after the dead one is empty, nobody knows how many rows it held."""
    listed = _Listing(60, dead=[3]).read()
    assert len(listed.rows) == 50
    (hole,) = listed.lost
    assert (hole.position, hole.count, hole.before) == (51, None, None)


@pytest.mark.parametrize("first_dead", [1, 2, 3, 7])
def test_server_that_is_dead_from_a_page_on_is_given_up(first_dead: int) -> None:
    """The end cannot be found: one hole without a number, after a bounded number of requests."""
    server = _Listing(400, dead=range(first_dead, 200))
    listed = server.read()
    assert _found(listed) == server.ids[: (first_dead - 1) * PAGE_SIZE]
    (hole,) = listed.lost
    assert (hole.position, hole.count) == ((first_dead - 1) * PAGE_SIZE + 1, None)
    assert len(server.asked) < 400


def test_dropped_connections_on_a_page_are_a_hole() -> None:
    """A page on which every connection is dropped does not cost the others."""
    server = _Listing(60)

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params["page"] == "2":
            raise httpx.ReadError("reset")
        return server(request)

    listed = ask(handler, lambda client: client.tests(1))
    assert _found(listed) == server.ids[:25] + server.ids[50:]
    assert [hole.position for hole in listed.lost] == [26]


def test_hole_says_where_it_is() -> None:
    """One row, several, or an unknown number, between the nearest tests that could be read."""
    (one,) = _Listing(60, [30]).read().lost
    assert str(one) == "row 30 of the test list (after test 9971, before test 9969)"
    (page,) = _Listing(130, dead=[3]).read().lost
    assert str(page) == "rows 51 to 75 of the test list (after test 9950, before test 9924)"
    (rest,) = _Listing(130, dead=range(3, 99)).read().lost
    assert str(rest) == "rows from 51 on of the test list (after test 9950)"


def test_neighbour_of_a_hole_is_an_id_and_nothing_else() -> None:
    """Odd ids beside a broken row are text of the API: they do not get into the name of a gap."""
    server = _Listing(30, [10])

    def handler(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        if answer.status_code != 200:
            return answer
        rows = json.loads(answer.content)["exploratory_tests"]
        odd = {9991: "\ud800", 9989: {"password": "Hunter2!"}, 9992: " 9992 "}
        return httpx.Response(
            200, content=json.dumps({"exploratory_tests": [{"id": odd.get(r["id"], r["id"])} for r in rows]})
        )

    (hole,) = ask(handler, lambda client: client.tests(1)).lost
    assert (hole.position, hole.after, hole.before) == (10, 9992, 9988)


# -- lists that move or repeat ---------------------------------------------------------------------------------------


def _pages(*reads: list[int]) -> Handler:
    """Return a server whose list is another one each time its first page is asked for."""
    state = {"read": -1}

    def handler(request: httpx.Request) -> httpx.Response:
        number, size = int(request.url.params["page"]), int(request.url.params["per_page"])
        state["read"] += number == 1
        rows = reads[min(state["read"], len(reads) - 1)][(number - 1) * size : number * size]
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows]})

    return handler


def test_list_that_changed_while_it_was_read_is_read_again() -> None:
    """A test added at the top pushes one over a border; the second reading is whole."""
    before, after = list(range(100, 40, -1)), list(range(101, 40, -1))
    listed = ask(_pages(before, after, after, after), lambda client: client.tests(1))
    assert (_found(listed), listed.is_settled) == (after, True)


def test_list_that_never_rests_says_so() -> None:
    """Two readings are enough; then the doubt is part of the answer."""
    reads = [list(range(100 + number, 40, -1)) for number in range(9)]
    assert not ask(_pages(*reads), lambda client: client.tests(1)).is_settled


def test_rows_that_come_twice_are_left_to_the_flattener() -> None:
    """A row pushed over a border appears on both pages; reading goes on to the end."""
    rows = [*range(100, 75, -1), 76, *range(75, 40, -1)]
    assert _found(ask(_pages(rows), lambda client: client.tests(1))) == rows


@pytest.mark.parametrize("total", [26, 149])
def test_server_that_ignores_paging_is_read_once(total: int) -> None:
    """The staging host answers everything on every page: no endless loop, no row twice."""
    ids = list(range(1, total + 1))
    listed = ask(
        lambda _: httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in ids]}),
        lambda client: client.tests(1),
    )
    assert (_found(listed), listed.lost, listed.is_settled) == (ids, (), True)


@pytest.mark.parametrize("total", [25, 150])
def test_server_that_ignores_paging_and_may_cut_off_says_so_or_is_whole(total: int) -> None:
    """Exactly a page repeated is read once; exactly the server's own limit of 150 leaves an open end."""
    ids = list(range(1, total + 1))
    listed = ask(
        lambda _: httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in ids]}),
        lambda client: client.tests(1),
    )
    assert _found(listed) == ids
    assert [hole.count for hole in listed.lost] == ([None] if total == 150 else [])


def test_server_that_repeats_its_last_page_for_ever_is_read_to_the_end() -> None:
    """A number beyond the end answered with the last page ends the reading."""
    ids = list(range(1, 76))

    def handler(request: httpx.Request) -> httpx.Response:
        number = min(int(request.url.params["page"]), 3)
        rows = ids[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows]})

    assert _found(ask(handler, lambda client: client.tests(1))) == ids


def test_rows_without_ids_do_not_hide_the_rows_behind_them() -> None:
    """Two pages of broken rows look alike only when they are alike."""
    rows: list[Any] = [{"id": None, "title": str(number)} for number in range(50)] + [
        {"id": number} for number in range(1, 11)
    ]

    def handler(request: httpx.Request) -> httpx.Response:
        start = (int(request.url.params["page"]) - 1) * PAGE_SIZE
        return httpx.Response(200, json={"exploratory_tests": rows[start : start + PAGE_SIZE]})

    assert list(ask(handler, lambda client: client.tests(1)).rows) == rows


@pytest.mark.parametrize("status", [401, 422])
def test_refusal_in_the_middle_of_a_list_comes_out(status: int) -> None:
    """What is no broken row is not narrowed down."""
    server = _Listing(60)

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status) if request.url.params["page"] == "2" else server(request)

    assert failing(lambda client: client.tests(1), handler).status == status
