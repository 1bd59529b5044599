"""Checks of a store: requests are whole, one of many writers wins, and what was acknowledged is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.errors import HubError
from server.store.base import Store
from server.store.checks_common import WRITERS, Unfit, at_once, meanwhile, name, numbered, require
from server.store.text import fill

_ROUNDS = 8
_XSD = "http://www.w3.org/2001/XMLSchema#"
_CANONICAL = (
    ("double", "9.7E-1"), ("double", "1.0E0"), ("decimal", "1.0"), ("decimal", "1.5"), ("decimal", "-100.0"), ("integer", "5"), ("boolean", "true"),
    ("dateTime", "2026-11-24T10:00:00.5Z"),
)  # fmt: skip
_COUNT = "SELECT (COUNT(*) AS ?n) WHERE { GRAPH $graph { ?s ?p ?o } }"

# The form of every write of the hub: claim the head and the next number of the log, then change the graph if the claim was this one's.
_CLAIM = """
DELETE { GRAPH $history { $history $head $expected } GRAPH $log { $log $last ?n } }
INSERT { GRAPH $log { $log $last ?next } GRAPH $history { $history $head $revision . $revision $transaction $mine ; $sequence ?next } }
WHERE { GRAPH $log { $log $last ?n } GRAPH $history { $history $head $expected } BIND(?n + 1 AS ?next) } ;
DELETE { GRAPH $graph { ?s ?p ?o } } WHERE { GRAPH $history { $revision $transaction $mine } GRAPH $graph { ?s ?p ?o } } ;
INSERT { GRAPH $graph { $triples } } WHERE { GRAPH $history { $revision $transaction $mine } }"""

_TAKE = """
DELETE { GRAPH $log { $log $last ?n } }
INSERT { GRAPH $log { $log $last ?next } GRAPH $graph { $thing $key $value ; $sequence ?next } }
WHERE { GRAPH $log { $log $last ?n } BIND(?n + 1 AS ?next) FILTER NOT EXISTS { GRAPH ?any { ?other $key $value } } }"""


def own_writes_are_seen(store: Store) -> None:
    """A query sees every update that was acknowledged before it began; a replica that lags fails here."""
    for number in range(100):
        store.update(fill("INSERT DATA { GRAPH $g { $s $p $number } }", g=name("g"), s=name("s"), p=name("p"), number=number))
        seen = store.ask(fill("ASK { $s $p $number }", s=name("s"), p=name("p"), number=number))
        require(seen, f"Write {number} was acknowledged and is not there.")


def requests_are_whole(store: Store) -> None:
    """An update request whose last operation fails leaves nothing of those before it."""
    store.update(fill("INSERT DATA { GRAPH $there { $s $s $s } }", there=name("there"), s=name("s")))
    text = "INSERT DATA { GRAPH $g { $s $s $s } } ; DELETE WHERE { GRAPH $there { ?s ?p ?o } } ; CREATE GRAPH $there ; LOAD <file:///nowhere>"
    try:
        store.update(fill(text, g=name("half"), there=name("there"), s=name("s")))
    except (HubError, ValueError):
        pass
    else:
        raise Unfit("CREATE GRAPH of a graph that exists and LOAD of a file that does not were both accepted.")
    require(store.graph(name("half")) == [] and len(store.graph(name("there"))) == 1, "The operations before the one that failed were kept.")


def readers_see_no_half_request(store: Store) -> None:
    """While a graph is replaced again and again in two operations, no reader sees it empty or doubled."""
    old, new = numbered(50), [Triple(triple.object, triple.predicate, triple.subject) for triple in numbered(50)]  # type: ignore[arg-type]
    replace = "DELETE WHERE { GRAPH $g { ?s ?p ?o } } ; INSERT DATA { GRAPH $g { $triples } }"
    store.update(fill(replace, g=name("g"), triples=old))

    def read() -> None:
        seen = set(store.graph(name("g")))
        require(seen in (set(old), set(new)), f"A reader saw {len(seen)} statements of a graph that has 50 before and after.")

    with meanwhile(read) as raised:
        for number in range(40):
            store.update(fill(replace, g=name("g"), triples=old if number % 2 else new))
    if raised:
        raise raised[0]


def one_writer_wins(store: Store) -> None:
    """Of sixteen writers who expect the same revision one wins, the log counts its win once, and the graph is the winner's."""
    terms = {key: name(key) for key in ("history", "head", "log", "last", "transaction", "sequence", "graph")}
    start = "INSERT DATA { GRAPH $log { $log $last 0 } GRAPH $history { $history $head $first } GRAPH $graph { $first $first $first } }"
    store.update(fill(start, first=name("revision/0"), **{key: terms[key] for key in ("log", "last", "history", "head", "graph")}))
    for number in range(1, _ROUNDS + 1):
        expected, revision = name(f"revision/{number - 1}"), name(f"revision/{number}")

        def write(writer: int, expected: NamedNode = expected, revision: NamedNode = revision) -> None:
            mine = name(f"by/{writer}")
            triples = [Triple(mine, triple.predicate, triple.object) for triple in numbered(20)]
            store.update(fill(_CLAIM, expected=expected, revision=revision, mine=mine, triples=triples, **terms))

        at_once(write)
        _require_one_winner(store, revision, number)


def _require_one_winner(store: Store, revision: NamedNode, round_number: int) -> None:
    winners = store.select(fill("SELECT ?w WHERE { GRAPH ?g { $r $t ?w } }", r=revision, t=name("transaction")))
    require(len(winners) == 1, f"{len(winners)} of {WRITERS} writers won.")
    subjects = [triple.subject for triple in store.graph(name("graph"))]
    require(subjects == [winners[0]["w"]] * 20, f"The graph has {len(subjects)} statements of {len(set(subjects))} writers, not 20 of the winner.")
    last = store.select(fill("SELECT ?n WHERE { GRAPH $log { $log $last ?n } }", log=name("log"), last=name("last")))
    require([int(str(row["n"].value)) for row in last] == [round_number], f"The log says {last} after {round_number} wins.")


def unique_values_have_one_owner(store: Store) -> None:
    """Of sixteen writers who give the same unique value to different things in different graphs one wins."""
    store.update(fill("INSERT DATA { GRAPH $log { $log $last 0 } }", log=name("log"), last=name("last")))
    terms = {key: name(key) for key in ("log", "last", "key", "sequence")}
    at_once(lambda n: store.update(fill(_TAKE, graph=name(f"g{n}"), thing=name(f"t{n}"), value=Literal("same"), **terms)))
    owners = store.select(fill("SELECT ?t WHERE { GRAPH ?g { ?t $key ?v } }", key=name("key")))
    require(len(owners) == 1, f"{len(owners)} of {WRITERS} writers were given the same value.")


def deletion_finds_canonical_values(store: Store) -> None:
    """A number can be deleted by a canonical spelling, whatever spelling the store gives it."""
    values = [Literal(text, datatype=NamedNode(_XSD + kind)) for kind, text in _CANONICAL]
    triples = [Triple(name("s"), name("p"), value) for value in values]
    store.update(fill("INSERT DATA { GRAPH $g { $triples } }", g=name("g"), triples=triples))
    store.update(fill("DELETE DATA { GRAPH $g { $triples } }", g=name("g"), triples=triples))
    left = store.graph(name("g"))
    require(not left, f"Still there after the deletion: {[str(triple.object) for triple in left]}")


def decimals_of_any_spelling_go(store: Store) -> None:
    """A decimal is removed with its graph however it was spelt; where not, keep to the hub's canonical spelling in what you load yourself."""
    odd = [Literal(text, datatype=NamedNode(_XSD + "decimal")) for text in ("1", "1.50", "007.0")]
    triples = [Triple(name("s"), name("p"), value) for value in odd]
    store.update(fill("INSERT DATA { GRAPH $g { $triples } }", g=name("g"), triples=triples))
    store.update(fill("DELETE WHERE { GRAPH $g { ?s ?p ?o } }", g=name("g")))
    left = [str(triple.object.value) for triple in store.graph(name("g")) if isinstance(triple.object, Literal)]
    store.update(fill("DELETE DATA { GRAPH $g { $triples } }", g=name("g"), triples=triples))
    require(not left, f"Still there after DELETE WHERE: {', '.join(left)}")


def big_updates_are_taken(store: Store) -> None:
    """One update of 20 000 statements and several megabytes is taken."""
    store.update(fill("INSERT DATA { GRAPH $g { $triples } }", g=name("g"), triples=_many(20_000)))
    rows = store.select(fill(_COUNT, graph=name("g")))
    require(int(str(rows[0]["n"].value)) == 20_000, f"{rows[0]['n']} of 20 000 statements are there.")


def _many(count: int) -> list[Triple]:
    return [Triple(name(f"s{number}"), name("p"), Literal(f"{number} " * 20)) for number in range(count)]


def loads_are_whole(store: Store) -> None:
    """A load adds all its statements; one that breaks off adds none, and the store takes writes afterwards."""

    def broken() -> Iterator[Quad]:
        for triple in _many(20_000):
            yield Quad(triple.subject, triple.predicate, triple.object, name("broken"))
        raise Unfit("broken off on purpose")

    with suppress(Unfit, HubError):
        store.load(broken())
    require(not store.ask("ASK { ?s ?p ?o }"), "Something is left of a load that broke off.")
    store.load(Quad(triple.subject, triple.predicate, triple.object, name(f"g{number % 100}")) for number, triple in enumerate(_many(20_000)))
    rows = store.select("SELECT (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } }")
    require(int(str(rows[0]["n"].value)) == 20_000, f"{rows[0]['n']} of 20 000 loaded statements are there.")


def dump_and_restore_agree(store: Store) -> None:
    """A dump has every statement with its graph, and replacing everything by it gives the same dataset."""
    quads = {Quad(triple.subject, triple.predicate, triple.object, name(f"g{number % 7}")) for number, triple in enumerate(_many(2_000))}
    store.load(quads)
    require(set(store.dump()) == quads, "A dump is not what was loaded.")
    store.update(fill("INSERT DATA { GRAPH $g { $s $s $s } }", g=name("late"), s=name("s")))
    store.replace_all(quads)
    require(set(store.dump()) == quads, "Something else than what was restored is there.")
