"""What must hold in the store for a commit to win, as patterns of its request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyoxigraph import NamedNode

from server.graph.names import Names
from server.graph.vocabulary import HUB
from server.store.text import fill

if TYPE_CHECKING:
    from server.graph.changes import Change, Reference, Unique

_FEW = 4  # changes whose conditions are written one by one


def conditions_of(names: Names, changes: Sequence[Change]) -> list[str]:
    """Write what must hold for each change of a commit."""
    return (_each_condition if len(changes) <= _FEW else _joint_conditions)(names, changes)


def new_conditions(names: Names, changes: Sequence[Change]) -> str:
    """Write what must hold for a commit of new things: none has a history, and each one's own conditions."""
    documents = [names.document(each.collection, each.id) for each in changes]
    histories = [names.history(each) for each in documents]
    found = [fill("FILTER NOT EXISTS { VALUES ?h { $histories } GRAPH ?h { ?h $head ?none } }", histories=histories, head=HUB.head)]
    found += [each for change, document in zip(changes, documents, strict=True) for each in _conditions(change, document)]
    return " ".join(dict.fromkeys(found))


def head_of(names: Names, change: Change, document: NamedNode) -> str:
    """Write that the expected revision is the head; for a new thing that there is none."""
    graph = names.history(document)
    if not change.expected:
        return f"FILTER NOT EXISTS {{ GRAPH {graph} {{ {graph} {HUB.head} ?none }} }}"
    return f"GRAPH {graph} {{ {graph} {HUB.head} {names.revision(document, change.expected)} }}"


def _each_condition(names: Names, changes: Sequence[Change]) -> list[str]:
    """Write what must hold for each change of a few."""
    found: list[str] = []
    for change in changes:
        document = names.document(change.collection, change.id)
        found += [head_of(names, change, document), *_conditions(change, document)]
    return found


def _joint_conditions(names: Names, changes: Sequence[Change]) -> list[str]:
    """Write what must hold for many changes as tables, one pattern for each table: engines plan a pattern for every change far too long."""
    found: list[str] = []
    documents = {names.document(each.collection, each.id): each for each in changes}
    heads = [(names.history(document), names.revision(document, each.expected)) for document, each in documents.items() if each.expected]
    if heads:
        rows = " ".join(f"({history} {revision})" for history, revision in heads)
        found.append(_counted(rows, "?h ?r", f"GRAPH ?h {{ ?h {HUB.head} ?r }}", len(heads), "?heads"))
    if fresh := [names.history(document) for document, each in documents.items() if not each.expected]:
        found.append(fill("FILTER NOT EXISTS { VALUES ?h { $histories } GRAPH ?h { ?h $head ?none } }", histories=fresh, head=HUB.head))
    if references := dict.fromkeys(reference for each in changes for reference in each.references):
        rows = " ".join(f"({each.document} {each.thing} {each.type})" for each in references)
        found.append(_counted(rows, "?d ?t ?c", "GRAPH ?d { ?t a ?c }", len(references), "?there"))
    found += [f"FILTER NOT EXISTS {{ {taken(unique, each.thing)} }}" for each in changes for unique in each.unique]
    guarded = [(document, each) for document, each in documents.items() if each.guard_referrers]
    found += [f"FILTER NOT EXISTS {{ {_pointing(each, document)} }}" for document, each in guarded if each.along]
    if plain := " ".join(f"({each.thing} {document})" for document, each in guarded if not each.along):
        pattern = fill("GRAPH ?g { ?s ?p ?thing } FILTER(?g != ?own && ?p NOT IN ($by, $of))", by=HUB.by, of=HUB.thing)
        found.append(_counted(plain, "?thing ?own", pattern, 0, "?pointing"))
    return found


def _counted(rows: str, names: str, pattern: str, number: int, count: str) -> str:
    """Write that a pattern holds for every row of a table."""
    return f"{{ SELECT (COUNT(*) AS {count}) WHERE {{ VALUES ({names}) {{ {rows} }} {pattern} }} }} FILTER({count} = {number})"


def _conditions(change: Change, document: NamedNode) -> list[str]:
    found = [exists(each) for each in change.references]
    found += [f"FILTER NOT EXISTS {{ {taken(each, change.thing)} }}" for each in change.unique]
    if change.guard_referrers:
        found.append(f"FILTER NOT EXISTS {{ {_pointing(change, document)} }}")
    return found


def _pointing(change: Change, document: NamedNode) -> str:
    return referring(change.thing, document, change.along)


def exists(reference: Reference) -> str:
    """Write the pattern of a reference's thing being there."""
    return fill("GRAPH $document { $thing a $type }", document=reference.document, thing=reference.thing, type=reference.type)


def taken(unique: Unique, thing: NamedNode) -> str:
    """Write the pattern of another thing having a unique value."""
    pattern = "GRAPH ?graph { ?other $p $value ; a $type . FILTER(?other != $thing) }"
    return fill(pattern, p=unique.predicate, value=unique.value, type=unique.type, thing=thing)


def referring(thing: NamedNode, document: NamedNode, along: Sequence[NamedNode] = ()) -> str:
    """Write the pattern of a graph `?g` that points to a thing; neither its own, nor one of those that go along, nor a history."""
    pattern = "GRAPH ?g { ?s ?p $thing } FILTER(?g != $document && ?p NOT IN ($by, $of))"
    others = f" FILTER(?g NOT IN ({', '.join(map(str, along))}))" if along else ""
    return fill(pattern, thing=thing, document=document, by=HUB.by, of=HUB.thing) + others
