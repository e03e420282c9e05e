"""Lists of unknown length: where they end, what is lost to broken rows and pages, and lists that move meanwhile."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import Handler, ask, failing
from testio_analytics.api.client import ATTEMPTS, Client
from testio_analytics.api.paging import PAGE_SIZE, PAGES_AT_ONCE, PagedList

# -- paging ----------------------------------------------------------------------------------------------------------


class _Listing:
    """The test list of a fake server: ids count down from the top, some rows break every page that holds them.

    Others are `hidden`: left out after the page was cut. `cap` is the most rows of a page; with `skips` the next page
    begins where it would without the cap. `unpaged` is the most rows of the list without pages, which is `cap` as well.
    """

    def __init__(
        self,
        total: int,
        poisoned: Iterable[int] = (),
        *,
        dead: Iterable[int] = (),
        fault: int = 500,
        hidden: Iterable[int] = (),
        cap: int = 1000,
        skips: bool = False,
        unpaged: int | None = None,
    ) -> None:
        self.ids = [10_000 - position for position in range(1, total + 1)]
        self.poisoned = {self.ids[position - 1] for position in poisoned}
        self.dead = set(dead)
        self.fault = fault
        self.hidden = {self.ids[position - 1] for position in hidden}
        self.cap, self.skips, self.unpaged = cap, skips, unpaged or min(cap, 150)
        self.asked: list[tuple[int, int]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        is_paged = "page" in request.url.params
        unpaged = {"page": 1, "per_page": self.unpaged}
        number, size = (int(request.url.params.get(name, value)) for name, value in unpaged.items())
        self.asked.append((number, size))
        held = min(size, self.cap) if is_paged else self.unpaged
        start = (number - 1) * (size if self.skips else held)
        positions = range(start, start + held)
        rows = self.ids[positions.start : positions.stop]
        if self.poisoned & set(rows) or any(position // PAGE_SIZE + 1 in self.dead for position in positions):
            return httpx.Response(self.fault)
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows if row not in self.hidden]})

    @property
    def visible(self) -> list[int]:
        """The ids of all rows that the server shows."""
        return [row for row in self.ids if row not in self.hidden]

    def read(self, known: Collection[int] | None = None) -> PagedList:
        """Read the whole list with the client."""
        return ask(self, lambda client: client.tests(1, known))


def _found(listed: PagedList) -> list[int]:
    return [test["id"] for test in listed.rows]


@pytest.mark.parametrize("total", [0, 1, 24, 25, 26, 49, 50, 51, 75, 150, 151, 1300, 1301])
def test_paging_ends_after_the_last_row(total: int) -> None:
    """On an empty page, without any cap, and without asking far beyond the end."""
    server = _Listing(total)
    listed = server.read()
    assert _found(listed) == server.ids
    assert (listed.lost, listed.doubt, listed.withdrawn) == ((), None, ())
    assert max(number for number, _ in server.asked) <= total // PAGE_SIZE + PAGES_AT_ONCE


@pytest.mark.parametrize(
    ("total", "first", "later"),
    [(0, 2, 1), (1, 5, 2), (24, 5, 2), (25, 5, 2), (26, 6, 3), (75, 11, 4), (1300, 108, 53)],
)
def test_requests_of_an_honest_list(total: int, first: int, later: int) -> None:
    """Two readings of a list that is new, one of a list that is as it was known, each with the empty page at its end.

    A new list that fills no page is asked for without pages as well.
    """
    new, known = _Listing(total), _Listing(total)
    new.read()
    known.read(known.ids)
    assert (len(new.asked), len(known.asked)) == (first, later)


@pytest.mark.parametrize(("total", "cap"), [(120, 20), (23, 20), (26, 24), (61, 12), (40, 3), (2, 1), (3, 1), (4, 3)])
@pytest.mark.parametrize("skips", [False, True])
def test_server_that_gives_smaller_pages_loses_no_row(total: int, cap: int, skips: bool) -> None:
    """Whether its next page begins after what it gave, or after what was asked for."""
    server = _Listing(total, cap=cap, skips=skips)
    listed = server.read()
    assert sorted(_found(listed), reverse=True) == server.ids or (skips and listed.doubt)
    assert cap < 10 or (_found(listed), listed.doubt) == (server.ids, None)
    assert listed.doubt is not None or {*_found(listed)} == {*server.ids}


@pytest.mark.parametrize("hidden", [[30], [1, 26], [25, 50], [60], range(51, 60)])
def test_rows_hidden_after_paging_are_not_the_end(hidden: Iterable[int]) -> None:
    """A page that is not full is no end, and its empty places are counted; the same on later readings."""
    server = _Listing(60, hidden=hidden)
    listed = server.read()
    assert (_found(listed), listed.doubt, listed.lost) == (server.visible, None, ())
    again = server.read(server.visible)
    assert (_found(again), again.doubt) == (server.visible, None)
    assert again.hidden == listed.hidden == sum(position <= 50 for position in hidden)


@pytest.mark.parametrize(
    ("total", "cap", "hidden"), [(9, 2, [3, 4]), (9, 2, [1, 2]), (30, 3, [13, 14, 15]), (12, 10, range(1, 11))]
)
def test_rows_behind_a_small_page_of_hidden_rows_are_not_lost(total: int, cap: int, hidden: Iterable[int]) -> None:
    """The empty page looks like the end; the list without pages has the rows behind it, and the list is in doubt."""
    server = _Listing(total, cap=cap, hidden=hidden, unpaged=150)
    listed = server.read()
    assert {*_found(listed)} == {*server.visible}
    assert listed.doubt is not None and f"the list without pages {len(server.visible)}" in listed.doubt
    assert server.read(server.visible).doubt is not None  # also where the rest was known


@pytest.mark.parametrize("cap", [2, 20])
def test_long_list_in_small_pages_is_looked_at_behind_its_end(cap: int) -> None:
    """What comes without pages is cut off: empty pages for as many rows as a full page has show the end."""
    whole = _Listing(200, cap=cap, unpaged=150)
    holed = _Listing(200, cap=cap, unpaged=150, hidden=range(161, 161 + cap))
    assert (_found(whole.read()), whole.read().doubt) == (whole.ids, None)
    listed = holed.read()
    assert listed.doubt is not None and "came after an empty page" in listed.doubt
    assert {*_found(listed)} > {*holed.ids[:160]}


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


def test_rows_behind_a_page_that_was_empty_are_named() -> None:
    """All its rows are hidden: what one reading brought and others did not is left to be asked for by id."""
    server = _Listing(60, hidden=range(26, 51))
    listed = server.read()
    assert {*_found(listed), *(row["id"] for row in listed.withdrawn)} == {*server.visible}


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
    """A test added at the top pushes one over a border; the next readings are whole and agree."""
    before, after = list(range(100, 40, -1)), list(range(101, 40, -1))
    listed = ask(_pages(before, after, after, after), lambda client: client.tests(1))
    assert (_found(listed), listed.doubt) == (after, None)


def test_list_that_never_rests_says_so() -> None:
    """A few readings are enough; then the doubt is part of the answer, with numbers, and every row that ever came."""
    reads = [list(range(100 + number, 40, -1)) for number in range(9)]
    listed = ask(_pages(*reads), lambda client: client.tests(1))
    assert listed.doubt is not None and "4 readings brought 60, 61, 62 and 63 rows" in listed.doubt
    assert sorted(_found(listed)) == list(range(41, 104))


class _Moving:
    """A list of which some requests find it changed: `changes` maps the number of a request to the list from then on."""

    def __init__(self, ids: list[int], changes: dict[int, list[int]]) -> None:
        self.ids, self.changes, self.requests = ids, changes, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self.ids = self.changes.get(self.requests, self.ids)
        number, size = int(request.url.params["page"]), int(request.url.params["per_page"])
        rows = self.ids[(number - 1) * size : number * size]
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows]})


@given(data=st.data())
def test_no_move_while_reading_loses_a_row(data: st.DataObject) -> None:
    """One test slides, up or down, or is deleted, at any moment: every row that stayed is there, or the doubt says so."""
    ids = list(range(1, data.draw(st.integers(30, 130)) + 1))
    position, moment = data.draw(st.integers(0, len(ids) - 1)), data.draw(st.integers(1, 12))
    after = [row for row in ids if row != ids[position]]
    if data.draw(st.booleans()):
        after.insert(data.draw(st.integers(0, len(after))), ids[position])
    known = data.draw(st.sampled_from([None, ids, ids[3:]]))
    listed = ask(_Moving(ids, {moment: after}), lambda client: client.tests(1, known), concurrency=1)
    assert {*after} <= {*_found(listed)}
    assert listed.doubt is None


@given(data=st.data())
def test_a_list_that_moves_at_every_turn_loses_no_row_in_silence(data: st.DataObject) -> None:
    """Tests slide at many moments: what does not settle is a doubt."""
    ids = list(range(1, data.draw(st.integers(30, 80)) + 1))
    changes, now = {}, ids
    for moment in sorted(data.draw(st.sets(st.integers(1, 16), max_size=12))):
        moved = data.draw(st.sampled_from(now))
        now = [row for row in now if row != moved]
        now.insert(data.draw(st.integers(0, len(now))), moved)
        changes[moment] = now
    listed = ask(_Moving(ids, changes), lambda client: client.tests(1), concurrency=1)
    assert {*ids} <= {*_found(listed)} or listed.doubt


def test_row_that_came_once_and_never_again_is_named() -> None:
    """It was deleted meanwhile, or hidden: the caller asks for it by its id."""
    ids = list(range(1, 61))
    listed = ask(_Moving(ids, {4: [row for row in ids if row != 7]}), lambda client: client.tests(1))
    assert (listed.withdrawn, listed.doubt) == (({"id": 7},), None)


def test_row_that_always_comes_twice_is_a_doubt() -> None:
    """Where one row stands twice, another one may stand nowhere."""
    rows = [*range(100, 75, -1), 76, *range(75, 40, -1)]
    listed = ask(_pages(rows), lambda client: client.tests(1))
    assert _found(listed) == list(dict.fromkeys(rows))
    assert listed.doubt is not None and "1 of them twice" in listed.doubt


def test_second_reading_that_fails_keeps_the_first() -> None:
    """What was read is there; that it could not be read again is said."""
    server = _Listing(60)

    def handler(request: httpx.Request) -> httpx.Response:
        if "/exploratory_tests" not in request.url.path:
            return httpx.Response(200, json={"products": []})
        return server(request) if len(server.asked) < 4 else httpx.Response(503)

    async def question(client: Client) -> PagedList:
        await client.products()  # what works before and after: only this list fails
        return await client.tests(1)

    listed = ask(handler, question)
    assert (_found(listed), listed.lost) == (server.ids, ())
    assert listed.doubt is not None and "could not be read a second time" in listed.doubt and "503" in listed.doubt


@pytest.mark.parametrize("total", [10, 26, 149])
def test_server_that_ignores_paging_is_read_once(total: int) -> None:
    """The staging host answers everything on every page: no endless loop, no row twice."""
    ids = list(range(1, total + 1))
    listed = ask(
        lambda _: httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in ids]}),
        lambda client: client.tests(1),
    )
    assert (_found(listed), listed.lost, listed.doubt) == (ids, (), None)


def test_small_pages_from_a_cache_are_not_a_whole_list() -> None:
    """They look like those of a server that ignores paging; the list without pages shows that they are not."""

    def handler(request: httpx.Request) -> httpx.Response:
        rows = range(1, 21 if "page" in request.url.params else 121)
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows]})

    listed = ask(handler, lambda client: client.tests(1))
    assert _found(listed) == list(range(1, 121))
    assert listed.doubt is not None and "the same 20 rows, and the list without pages 120" in listed.doubt


def test_server_that_ignores_paging_and_may_cut_off_says_so() -> None:
    """Exactly the server's own limit of 150 leaves an open end."""
    ids = list(range(1, 151))
    listed = ask(
        lambda _: httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in ids]}),
        lambda client: client.tests(1),
    )
    assert _found(listed) == ids
    assert [hole.count for hole in listed.lost] == [None]


def test_answer_of_a_full_page_to_every_page_is_no_end() -> None:
    """A cache that ignores the query gives page 1 for ever: nobody knows what stands on the others."""
    ids = list(range(1, 121))
    listed = ask(
        lambda _: httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in ids[:PAGE_SIZE]]}),
        lambda client: client.tests(1),
    )
    assert _found(listed) == ids[:PAGE_SIZE]
    assert listed.doubt is not None and "page 2 of 25 rows" in listed.doubt


def test_server_that_repeats_its_last_page_for_ever_is_a_doubt() -> None:
    """A number beyond the end answered with the last page ends the reading, and is no proof of an end."""
    ids = list(range(1, 76))

    def handler(request: httpx.Request) -> httpx.Response:
        number = min(int(request.url.params["page"]), 3)
        rows = ids[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        return httpx.Response(200, json={"exploratory_tests": [{"id": row} for row in rows]})

    listed = ask(handler, lambda client: client.tests(1))
    assert _found(listed) == ids
    assert listed.doubt is not None and "page 4 of 25 rows" in listed.doubt


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
