"""SPARQL Update over all graphs: the update becomes the quads that it deletes and inserts, and these are written together or not at all.

Its text reaches no store. A child process reads it (`server.store.updates`); what its operations ask (`WHERE`) goes the way of every stranger's
query; what they ask after an earlier operation of the same update has changed something goes to a copy of what they look into, with the
changes made. The whole is a snapshot: each graph that is written is as it was when the update began, else all begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, QueryResultsFormat, QuerySolutions, Triple, parse_query_results

from server.errors import AlreadyExists, Gone, NotFound, QueryLimit, QueryRefused, RevisionMismatch, TooLarge
from server.graph.literals import BAD_TEXT
from server.services.callers import Caller, Role
from server.services.overlay import Overlay
from server.services.places import Places
from server.services.queries import Queries, Question
from server.services.together import Committed, Together
from server.store.base import Answer, Limits, Row, Term
from server.store.embedded import EmbeddedStore
from server.store.text import fill
from server.store.updates import BULK, MOST_QUADS, Operation, Template, Where, moved, understand

JSON = "application/sparql-results+json"
TRIES = 5
LONGEST_REASON = 1_000
_MOST_COPIED = 500_000  # quads


@dataclass(frozen=True)
class Request:
    """An update as it was sent, with the dataset that the protocol names beside it, and the address it came from."""

    text: str
    using: tuple[str, ...] = ()
    using_named: tuple[str, ...] = ()
    address: str = ""
    reason: str | None = None


class Updating:
    """Runs updates for curators."""

    def __init__(self, places: Places, together: Together, queries: Queries, limits: Limits) -> None:
        """Ask through `queries`, write through `together`; `limits` are those of one query."""
        self._places, self._together, self._queries, self._limits = places, together, queries, limits
        self._tools = places.tools

    def run(self, caller: Caller, request: Request) -> Committed:
        """Run an update; nothing is written where any of it cannot be.

        Raises `QueryRefused` with line and column, `DoesNotConform` with the report, `InUse`, `Forbidden`, `TooLarge`, `QueryTimeout`, `QueryLimit`.
        """
        caller.require(Role.curator)
        operations = understand(
            request.text,
            self._tools.names.base,
            using=request.using,
            using_named=request.using_named,
            seconds=self._limits.seconds,
            memory_mb=self._limits.memory_mb,
        )
        reason = reason_of(request)
        for attempt in range(1, TRIES + 1):
            try:
                return self._attempt(caller, request, operations, reason)
            except (RevisionMismatch, AlreadyExists, Gone):
                if attempt == TRIES:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    def _attempt(self, caller: Caller, request: Request, operations: Sequence[Operation], reason: str) -> Committed:
        begin = self._tools.history.last()
        overlay = Overlay(self._places, self._tools.names.default_graph)
        asked = Asking(self._places, self._queries, self._limits, caller, request.address)
        for operation in operations:
            if operation.verb == "modify":
                self._modify(operation, overlay, asked)
            else:
                manage(operation, overlay)
        # All that it looked at, not only what it changes: an update that another one came before may find that nothing is left to do.
        if asked.any and any(state.sequence > begin for state in overlay.before.values()):
            raise RevisionMismatch("Another write came between; repeat the update.")
        return self._together.commit(caller, overlay, reason)

    def _modify(self, operation: Operation, overlay: Overlay, asked: Asking) -> None:
        rows = [{}] if operation.where is None else asked.rows(operation.where, overlay)
        deleted = filled(operation.delete, rows)
        inserted = filled(operation.insert, rows)
        if len(deleted) + len(inserted) > MOST_QUADS:
            raise TooLarge(f"The update has more than {MOST_QUADS} quads. {BULK}")
        overlay.delete(deleted)
        overlay.insert(inserted)


class Asking:
    """Asks what an operation's `WHERE` says, of the store or of a copy in which earlier operations have been carried out."""

    def __init__(self, places: Places, queries: Queries, limits: Limits, caller: Caller, address: str) -> None:
        """Ask for one caller and one attempt."""
        self._places, self._queries, self._limits, self._caller, self._address = places, queries, limits, caller, address
        self.any = False

    def rows(self, where: Where, overlay: Overlay) -> list[Row]:
        """Return the rows of a `WHERE` with the overlay's changes in effect."""
        self.any = True
        changed = overlay.touched()
        named = [NamedNode(each) for each in (*where.default, *where.named, *([where.within] if where.within else []))]
        sees_all = not where.default and not where.named
        try:
            if any(each in changed for each in named) or (changed and sees_all) or not self._all_there(named):
                return self._of_copy(where, overlay, sees_all)
            return self._of_store(where)
        except QueryRefused as error:
            raise moved(error, where.line) from error
        except QueryLimit as error:
            if "rows" in error.detail:
                raise TooLarge(f"The WHERE has more than {self._limits.rows} rows. {BULK}") from error
            raise

    def _all_there(self, graphs: Sequence[NamedNode]) -> bool:
        if not graphs:
            return True
        rows = self._places.tools.store.select(fill(_PRESENT, graphs=graphs))
        return len({row["g"] for row in rows}) == len(set(graphs))

    def _of_store(self, where: Where) -> list[Row]:
        text = where.wrapped or where.select
        question = Question(text, where.default, where.named, address=self._address, newest=True)
        return _rows(self._queries.run(self._caller, question, lambda form: JSON))

    def _of_copy(self, where: Where, overlay: Overlay, sees_all: bool) -> list[Row]:
        """Ask a store of its own that holds what the `WHERE` looks into; it lasts as long as the question."""
        store = EmbeddedStore(None, children=1, reserve=0)
        try:
            names = self._fill(store, where, overlay, sees_all)
            default, named = where.default, where.named
            text = where.wrapped or where.select
            if where.within and where.within not in names:  # no engine looks into a graph that is not there, but the others it may look into
                text, default, named = where.select, (where.within,), tuple(names)
            return _rows(store.stranger(text, "select", JSON, self._limits, default=default, named=named))
        finally:
            store.close()

    def _fill(self, store: EmbeddedStore, where: Where, overlay: Overlay, sees_all: bool) -> set[str]:
        names: set[str] = set()

        def quads() -> Iterator[Quad]:
            for number, quad in enumerate(self._quads(where, overlay, sees_all)):
                if number >= _MOST_COPIED:
                    raise TooLarge(
                        f"What this update asks after its first changes is asked of a copy, and that would have more than {_MOST_COPIED} quads. Name "
                        "the graphs by USING or WITH, or send the operations one by one."
                    )
                names.add(str(quad.graph_name.value))  # type: ignore[union-attr]  # all are named
                yield quad

        store.load(quads())
        return names

    def _quads(self, where: Where, overlay: Overlay, sees_all: bool) -> Iterator[Quad]:
        if not sees_all:
            graphs = [NamedNode(each) for each in dict.fromkeys((*where.default, *where.named))]
            for graph in graphs:
                triples: Iterable[Triple] = overlay.after[graph] if graph in overlay.after else self._places.tools.store.graph(graph)
                yield from (Quad(each.subject, each.predicate, each.object, graph) for each in triples)
            return
        yield from (quad for quad in self._places.tools.store.dump() if quad.graph_name not in overlay.after)
        yield from (Quad(each.subject, each.predicate, each.object, graph) for graph, triples in overlay.after.items() for each in triples)


_PRESENT = "SELECT DISTINCT ?g WHERE { VALUES ?g { $graphs } FILTER EXISTS { GRAPH ?g { ?s ?p ?o } } }"


def _rows(answer: Answer) -> list[Row]:
    with answer.body as body:
        solutions = cast(QuerySolutions, parse_query_results(body, QueryResultsFormat.JSON))
        names = [each.value for each in solutions.variables]
        return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in solutions]


def filled(template: Template, rows: Sequence[Row]) -> set[Quad]:
    """Fill a template for each row: what has an unbound variable or would be no quad is left out, blank nodes are new ones for every row."""
    found: set[Quad] = set()
    for row in rows:
        nodes: dict[BlankNode, BlankNode] = {}
        for quad in template.quads:
            terms = [_term(each, template.mark, row, nodes) for each in quad]
            if _is_quad(terms):
                found.add(Quad(*terms))  # type: ignore[arg-type]  # that is what was found out
        if len(found) > MOST_QUADS:
            raise TooLarge(f"The update has more than {MOST_QUADS} quads. {BULK}")
    return found


def _term(term: object, mark: str, row: Mapping[str, Term], nodes: dict[BlankNode, BlankNode]) -> object:
    if isinstance(term, NamedNode) and mark and term.value.startswith(mark):
        return row.get(term.value.removeprefix(mark))
    return nodes.setdefault(term, BlankNode()) if isinstance(term, BlankNode) else term


def _is_quad(terms: Sequence[object]) -> bool:
    subject, predicate, value, graph = terms
    return (
        isinstance(subject, (NamedNode, BlankNode))
        and isinstance(predicate, NamedNode)
        and value is not None
        and graph is not None
        and not isinstance(graph, (BlankNode, Literal))
    )


def manage(operation: Operation, overlay: Overlay) -> None:
    """Carry out an operation on whole graphs. A graph that holds nothing is none, so that CLEAR and DROP are the same, and CREATE does nothing."""
    target = operation.target
    if operation.verb in ("clear", "drop"):
        for graph in _graphs(target, overlay):
            overlay.put(graph, ())
    elif operation.verb == "create":
        overlay.load([NamedNode(target)])
    else:
        source, end = _graph(operation.source, overlay), _graph(target, overlay)
        triples = set(overlay.triples(source))
        if not triples and operation.source != "DEFAULT" and not operation.silent:
            raise NotFound(f"There is no graph <{source.value}>; write {operation.verb.upper()} SILENT where that does not matter.")
        if source == end:
            return
        overlay.put(end, triples | overlay.triples(end) if operation.verb == "add" else triples)
        if operation.verb == "move":
            overlay.put(source, ())


def _graph(name: str, overlay: Overlay) -> NamedNode:
    return overlay.default if name == "DEFAULT" else NamedNode(name)


def _graphs(name: str, overlay: Overlay) -> list[NamedNode]:
    if name not in ("ALL", "NAMED"):
        return [_graph(name, overlay)]
    found = sorted(overlay.graphs() - ({overlay.default} if name == "NAMED" else set()), key=str)
    overlay.load(found)
    return found


def reason_of(request: Request) -> str:
    """Write why the revisions of an update were made: what the caller says, and the update itself, as far as there is room."""
    text = BAD_TEXT.sub(" ", request.text.strip())
    whole = f"{request.reason}: {text}" if request.reason else text
    return whole if len(whole) <= LONGEST_REASON else whole[: LONGEST_REASON - 1] + "…"
