"""A commit is whole with its history or not there at all, on both stores; the past can be read back as it was."""

from __future__ import annotations

import dataclasses

import pytest
from pyoxigraph import Literal, NamedNode, Quad, Triple

from server.errors import AlreadyExists, DoesNotConform, Gone, InUse, NotFound, RevisionMismatch
from server.graph.changes import DELETE, Attribution, Change, Reference, Unique, new_quads, now
from server.graph.history import History
from server.graph.patches import read_patch
from server.graph.vocabulary import DCT, HUB, RDF, XSD
from server.store.base import Store
from server.store.text import fill
from tests.graph.changes import NAMES, TOY_CLASS, create, document, revised, titled
from tests.support.documents import HOSTILE

ADA = NamedNode("http://hub.test/id/people/" + "a" * 64)


@pytest.fixture
def history(store: Store) -> History:
    """Begin a change log."""
    begun = History(store, NAMES)
    begun.prepare()
    return begun


def description(history: History, change: Change) -> frozenset[Triple]:
    return frozenset(history.store.graph(document(change)))


def test_a_log_begins_empty_and_keeps_its_name(history: History) -> None:
    name = history.identity()
    assert name and history.last() == 0 and history.changes(1, 10) == [] and history.changes(5, 4) == []
    history.prepare()
    assert History(history.store, NAMES).identity() == name


def test_a_thing_has_a_head_a_history_and_its_past(history: History) -> None:
    first = create(1, titled(1, "one"))
    second = revised(first, titled(1, "two"), titled(1, "zwei", "de"))
    third = dataclasses.replace(revised(second), action=DELETE)
    for place, change in enumerate((first, second, third)):
        assert history.commit([change], ADA, now(), f"reason {place}") == place + 1
        assert description(history, change) == change.after
    head = history.head(document(first))
    assert head is not None and (head.revision, head.action, head.sequence, head.by, head.reason) == (3, "delete", 3, ADA.value, "reason 2")
    assert (head.added, head.removed) == (0, 3) and head.thing == first.thing and head.document == document(first) and head.at.endswith("Z")
    assert [each.revision for each in history.revisions(document(first))] == [3, 2, 1]
    assert [(each.sequence, each.revision, each.action) for each in history.changes(1, 3)] == [(1, 1, "create"), (2, 2, "replace"), (3, 3, "delete")]
    for number, change in enumerate((first, second, third), start=1):
        assert history.at(document(first), number, description(history, third)) == change.after
    with pytest.raises(NotFound, match="the last one is 3"):
        history.at(document(first), 4, [])
    with pytest.raises(NotFound):
        history.at(document(create(9)), 1, [])
    assert history.head(document(create(9))) is None and history.revisions(document(create(9))) == []


def test_nobody_and_no_reason_leave_no_trace(history: History) -> None:
    history.commit([create(1, titled(1, "one"))], None, now())
    (entry,) = history.changes(1, 1)
    assert entry.by is None and entry.reason is None


def test_what_was_deleted_can_be_created_again(history: History) -> None:
    first = create(1, titled(1, "one"))
    gone = dataclasses.replace(revised(first), action=DELETE)
    again = dataclasses.replace(create(1, titled(1, "new")), expected=2)
    for change in (first, gone, again):
        history.commit([change], None, now())
    assert [each.action for each in history.revisions(document(first))] == ["create", "delete", "create"]
    assert history.at(document(first), 1, description(history, again)) == first.after


def test_a_stale_write_is_refused_for_its_reason_and_changes_nothing(history: History) -> None:
    first = create(1, titled(1, "one"))
    second = revised(first, titled(1, "two"))
    for change in (first, second):
        history.commit([change], None, now())
    stale = revised(first, titled(1, "late"))
    with pytest.raises(RevisionMismatch, match="The current revision is 2, not 1") as caught:
        history.commit([stale], None, now())
    assert caught.value.members["current"] == 2
    with pytest.raises(AlreadyExists):
        history.commit([create(1, titled(1, "again"))], None, now())
    with pytest.raises(RevisionMismatch, match="The current revision is 0"):
        history.commit([revised(create(2), titled(2, "never made"))], None, now())
    history.commit([dataclasses.replace(revised(second), action=DELETE)], None, now())
    with pytest.raises(Gone):
        history.commit([revised(second, titled(1, "late"))], None, now())
    assert history.last() == 3 and len(history.revisions(document(first))) == 3


def test_changes_happen_together_or_not_at_all(history: History) -> None:
    one, two = create(1, titled(1, "one")), create(2, titled(2, "two"))
    assert history.commit([one, two], None, now()) == 1 and history.last() == 2
    assert [each.id for each in history.changes(1, 2)] == [one.id, two.id]
    with pytest.raises(AlreadyExists):
        history.commit([create(3, titled(3, "three")), two], None, now())
    with pytest.raises(AlreadyExists):
        history.commit_new([create(3, titled(3, "three")), two], None, now())
    assert history.last() == 2 and history.head(document(create(3))) is None and description(history, create(3)) == frozenset()


def test_references_must_be_there_when_it_is_written(history: History) -> None:
    target = create(1, titled(1, "target"))
    reference = Reference(target.thing, document(target), TOY_CLASS)
    referring = create(2, titled(2, "x"), Triple(create(2).thing, DCT.relation, target.thing), references=(reference,))
    for write in (history.commit, history.commit_new):
        with pytest.raises(DoesNotConform, match="does not exist any more"):
            write([referring], None, now())
    history.commit([target], None, now())
    wrong_class = dataclasses.replace(reference, type=NamedNode("http://x.example/Other"))
    with pytest.raises(DoesNotConform):
        history.commit([dataclasses.replace(referring, references=(wrong_class,))], None, now())
    history.commit([referring], None, now())
    with pytest.raises(InUse) as caught:
        history.commit([dataclasses.replace(revised(target), action=DELETE, guard_referrers=True)], None, now())
    assert caught.value.members["referrers"] == [document(referring).value]
    history.commit([dataclasses.replace(revised(target), action=DELETE)], None, now())
    assert history.last() == 3


def test_who_wrote_what_does_not_hold_up_a_deletion(history: History) -> None:
    """That somebody's name is in the history of others is no reference to them."""
    person = create(1, titled(1, "somebody"))
    history.commit([person], None, now())
    history.commit([create(2, titled(2, "theirs"))], person.thing, now())
    assert history.referrers(person.thing, document(person)) == []
    history.commit([dataclasses.replace(revised(person), action=DELETE, guard_referrers=True)], None, now())


def test_unique_values_are_taken_once(history: History) -> None:
    def serial(number: int, value: str) -> Change:
        unique = Unique(TOY_CLASS, DCT.identifier, Literal(value), "serial")
        return create(number, titled(number, "x"), Triple(create(number).thing, DCT.identifier, Literal(value)), unique=(unique,))

    history.commit([serial(1, "A")], None, now())
    for write in (history.commit, history.commit_new):
        with pytest.raises(AlreadyExists, match='The serial "A" is taken'):
            write([serial(2, "A")], None, now())
    history.commit([revised(serial(1, "A"), titled(1, "y"), *serial(1, "A").after, unique=serial(1, "A").unique)], None, now())
    history.commit_new([serial(2, "B"), serial(3, "C")], None, now())


@pytest.mark.parametrize("bulk", [False, True])
def test_no_text_changes_a_request_and_all_come_back_as_they_were(history: History, bulk: bool) -> None:
    thing = create(1).thing
    texts = [*HOSTILE, "".join(HOSTILE), "x" * 1_000_000, '"' * 1000]
    triples = {Triple(thing, NamedNode(f"http://x.example/p{place}"), Literal(text)) for place, text in enumerate(texts)}
    triples |= {
        Triple(thing, DCT.relation, NamedNode(iri))
        for iri in ("http://x.example/$log?n=$thing", "http://x.example/'()*;,", "urn:x:{}".replace("{}", "%7B"))
    }
    change = create(1, *triples)
    reason = "".join(HOSTILE)
    (history.commit_new if bulk else history.commit)([change], None, now(), reason)
    assert description(history, change) == change.after and history.last() == 1
    (entry,) = history.changes(1, 1)
    assert entry.reason == reason and read_patch(entry.patch) == (set(change.after), set())
    emptied = revised(change, titled(1, "y"))
    history.commit([emptied], None, now())
    assert description(history, emptied) == emptied.after
    assert history.at(document(change), 1, emptied.after) == change.after


def test_only_histories_are_believed_about_the_past(history: History) -> None:
    """Whatever a description says with the words of the change log, it is no change."""
    history.commit([create(1, titled(1, "one"))], ADA, now())
    (entry,) = history.changes(1, 1)
    forged = NamedNode(create(2).thing.value)
    words = {"sequence": Literal(2), "revision": Literal(1), "document": entry.document, "thing": entry.thing, "kind": Literal("toys")}
    words |= {"action": Literal("delete"), "at": now(), "added": Literal(0), "removed": Literal(0), "patch": Literal(""), "by": ADA, "head": forged}
    graphs = (document(create(2)), NamedNode("http://x.example/history"), NamedNode("http://hub.test/api/toys/x/history/not"))
    history.store.load([Quad(forged, HUB[name], value, graph) for graph in graphs for name, value in words.items()])
    assert history.changes(1, 2) == [entry]
    history.prepare()
    assert history.last() == 1


def test_numbers_go_on_where_a_bulk_commit_was_cut(history: History) -> None:
    """An embedded store may be killed between the quads of a bulk commit and the counter: the next start counts them."""
    history.commit([create(1, titled(1, "one"))], None, now())
    who = Attribution(NamedNode("urn:uuid:0"), None, now(), "bulk")
    changes = [create(number, titled(number, "x")) for number in (2, 3, 4)]
    history.store.load([quad for place, change in enumerate(changes) for quad in new_quads(NAMES, change, who, 2 + place)])
    assert history.last() == 1
    history.prepare()
    assert history.last() == 4 and [each.id for each in history.changes(1, 9)] == [create(number).id for number in (1, 2, 3, 4)]
    assert history.commit([create(5, titled(5, "five"))], None, now()) == 5


def test_the_log_itself_holds_one_number(history: History) -> None:
    for number in range(1, 4):
        history.commit([create(number, titled(number, "x"))], None, now())
    rows = history.store.select(fill("SELECT ?n WHERE { GRAPH $log { $log $last ?n } }", log=NAMES.changes, last=HUB.last))
    assert [int(str(row["n"].value)) for row in rows] == [3]


def test_times_are_in_utc() -> None:
    assert now().datatype == XSD.dateTime and now().value.endswith("Z") and RDF.type not in (HUB.at, HUB.by)
