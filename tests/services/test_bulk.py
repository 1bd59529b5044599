"""A stream in, an answer for every line out: what conforms is stored whatever stands around it, as if each line were sent alone."""

from __future__ import annotations

import io
import json
import os
import signal
from typing import Any

import pytest

from server.errors import AlreadyExists, DoesNotConform, Forbidden, Malformed, NotFound, StoreUnavailable, TooLarge, UnsupportedMediaType
from server.hub import Hub
from server.services import preparing, streams
from server.services.assets import ANY
from server.services.bulk import Outcome
from server.services.streams import N_QUADS, NDJSON
from tests.services.conftest import ADA, READER, toy
from tests.support.documents import HOSTILE

EX = "http://toys.example/ns#"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
TITLE = "<http://purl.org/dc/terms/title>"


def lines(*bodies: Any) -> bytes:
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in bodies)


def load(hub: Hub, content: bytes, media_type: str = NDJSON) -> list[Outcome]:
    return list(hub.bulk.load(ADA, "toys", media_type, io.BytesIO(content)))


def told(outcomes: list[Outcome]) -> dict[int, str]:
    return {each.line: type(each.error).__name__ if each.error else "stored" for each in outcomes}


def gapless(hub: Hub) -> None:
    last = hub.tools.history.last()
    assert [each.sequence for each in hub.tools.history.changes(1, last + 5)] == list(range(1, last + 1))
    assert hub.indexing.feed.catch_up() == last and hub.searching.find("toys", {}).page.total == last


def test_each_line_is_stored_as_if_it_came_alone(hub: Hub) -> None:
    outcomes = load(hub, lines({"title": "a", "price": 1}, {"title": "b", "wheels": [{"size": 1, "material": "wood"}]}))
    assert told(outcomes) == {1: "stored", 2: "stored"}
    first = hub.assets.read("toys", outcomes[0].id)
    assert first.iri.value == outcomes[0].iri and first.values("creator") == [ADA.person] and first.values("created") and first.revision == 1
    assert hub.past.history("toys", first.id)[0]["reason"] == "bulk"
    assert hub.assets.patch(ADA, "toys", first.id, {"price": 2}, 1).changed


def test_bad_lines_do_not_spoil_the_good_ones(hub: Hub) -> None:
    taken = toy(hub, serial="A")
    outcomes = load(
        hub,
        lines(
            {"title": "good"}, b"{", b"", {"titel": "x"}, {"price": 1}, {"title": "x", "serial": "A"}, {"title": "x", "id": taken.id},
            {"title": "x", "goes_with": ["f" * 64]}, [1], {"title": "x", "id": "short"}, b"[" * 500, b'{"title": "\xff"}', {"title": "a\x00b"},
            {"title": "x", "created": "2020-01-01T00:00:00Z"}, {"title": "good", "goes_with": [taken.id]},
        ),
    )  # fmt: skip
    assert told(outcomes) == {
        1: "stored", 2: "Malformed", 4: "Malformed", 5: "DoesNotConform", 6: "AlreadyExists", 7: "AlreadyExists", 8: "DoesNotConform", 9: "Malformed",
        10: "Malformed", 11: "Malformed", 12: "Malformed", 13: "DoesNotConform", 14: "Malformed", 15: "stored",
    }  # fmt: skip
    assert isinstance(outcomes[4].error, AlreadyExists | DoesNotConform) and "line 1, column" in str(outcomes[1].error)
    gapless(hub)


def test_a_line_may_build_on_those_before_it(hub: Hub) -> None:
    a, b = "a" * 64, "b" * 64
    outcomes = load(
        hub,
        lines(
            {"title": "one", "id": a, "serial": "S"},
            {"title": "refers", "goes_with": [a]},
            {"title": "again", "id": a},
            {"title": "same serial", "serial": "S"},
            {"title": "itself", "id": b, "friends": [b]},
            {"title": "too early", "goes_with": ["c" * 64]},
            {"title": "late", "id": "c" * 64},
        ),
    )
    assert told(outcomes) == {1: "stored", 2: "stored", 3: "AlreadyExists", 4: "AlreadyExists", 5: "stored", 6: "DoesNotConform", 7: "stored"}
    gapless(hub)


def test_the_id_of_a_deleted_thing_is_told_as_taken(hub: Hub) -> None:
    """A stream makes new things; what was deleted is brought back by hand."""
    gone = toy(hub)
    hub.assets.delete(ADA, "toys", gone.id, ANY)
    assert told(load(hub, lines({"title": "x", "id": gone.id}, {"title": "y"}))) == {1: "AlreadyExists", 2: "stored"}


def test_groups_are_no_borders(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "GROUP", 7)
    monkeypatch.setattr(streams, "BLOCK_BYTES", 50)
    bodies: list[Any] = [{"title": f"toy {number}", "price": -1 if number % 10 == 3 else number} for number in range(60)]
    outcomes = load(hub, lines(*bodies) + b"\n")
    assert [each.line for each in outcomes] == list(range(1, 61))
    assert [each.line for each in outcomes if each.error] == [4, 14, 24, 34, 44, 54]
    gapless(hub)


def end_at_once(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_ends_loses_no_line(hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(preparing, "GROUP", 7)
    monkeypatch.setattr(preparing, "prepare_group", end_at_once)
    assert {each.error for each in load(hub, lines(*({"title": f"toy {number}"} for number in range(30))))} == {None}
    assert "prepared here" in caplog.text
    gapless(hub)


def test_any_text_comes_through(hub: Hub) -> None:
    texts = [each for each in HOSTILE if each.strip()]
    outcomes = load(hub, lines(*({"title": text, "keywords": [text], "wheels": [{"size": 1, "material": text}], EX + "own": text} for text in texts)))
    for text, outcome in zip(texts, outcomes, strict=True):
        assert outcome.error is None, (text, outcome.error)
        written = hub.tools.json(hub.assets.read("toys", outcome.id))
        assert (written["title"], written["keywords"], written["wheels"][0]["material"]["label"]) == (text, [text], text)


def quads(*graphs: str) -> bytes:
    both = '_:b{0} {1} <{2}Toy> <http://g.example/{0}> .\n_:b{0} {3} "{0}" <http://g.example/{0}> .\n'
    return "".join(both.format(each, TYPE, EX, TITLE) for each in graphs).encode()


def test_n_quads_are_a_thing_a_graph(hub: Hub) -> None:
    content = quads("one", "two") + b"\n# comment\n" + quads("three")
    outcomes = load(hub, content, N_QUADS)
    assert told(outcomes) == {1: "stored", 3: "stored", 7: "stored"}
    assert {hub.tools.json(hub.assets.read("toys", each.id))["title"] for each in outcomes} == {"one", "two", "three"}
    gapless(hub)


def test_a_broken_statement_spoils_its_own_graph_only(hub: Hub) -> None:
    nested = b"<http://x.example/s> <http://x.example/p> " + b"<<( <http://x.example/s> <http://x.example/p> " * 20_000 + b"\n"
    outcomes = load(hub, quads("one") + quads("two") + b"no statement\n" + nested + quads("three"), N_QUADS)
    assert told(outcomes) == {1: "stored", 3: "Malformed", 7: "stored"} and "Line 5" in str(outcomes[1].error)
    assert told(load(hub, b"\xff\xfe\n", N_QUADS)) == {1: "Malformed"}
    assert told(load(hub, b"<http://x.example/s> <http://x.example/p> 1", N_QUADS)) == {1: "Malformed"}
    gapless(hub)


@pytest.mark.parametrize("media_type", [NDJSON, N_QUADS])
def test_a_line_without_end_ends_the_stream(hub: Hub, media_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LINE_BYTES", 1000)
    monkeypatch.setattr(streams, "BLOCK_BYTES", 512)
    first = lines({"title": "good"}, b"") if media_type == NDJSON else quads("one", "cut")
    outcomes = load(hub, first + b"x" * 5000 + b"\n" + first, media_type)
    assert outcomes[0].error is None and isinstance(outcomes[-1].error, TooLarge) and len(outcomes) == 2


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n \n"])
def test_nothing_makes_nothing(hub: Hub, content: bytes) -> None:
    assert load(hub, content) == [] == load(hub, content, N_QUADS)
    assert hub.tools.history.last() == 0


def test_rights_and_media_types_are_told_before_anything_is_read(hub: Hub) -> None:
    unread = io.BytesIO(lines({"title": "x"}))
    with pytest.raises(Forbidden):
        hub.bulk.load(READER, "toys", NDJSON, unread)
    with pytest.raises(UnsupportedMediaType, match="application/n-quads"):
        hub.bulk.load(ADA, "toys", "text/csv", unread)
    with pytest.raises(NotFound):
        hub.bulk.load(ADA, "nothing", NDJSON, unread)
    assert unread.tell() == 0


def test_a_store_that_is_away_is_asked_once_a_group(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away(*_: Any, **__: Any) -> int:
        asked.append(1)
        raise StoreUnavailable("The store cannot be reached.")

    monkeypatch.setattr(hub.tools.history, "commit_new", away)
    outcomes = load(hub, lines(*({"title": f"{number}"} for number in range(20))))
    assert len(asked) == 1 and all(isinstance(each.error, StoreUnavailable) for each in outcomes) and len(outcomes) == 20
    assert not isinstance(outcomes[0].error, Malformed)
