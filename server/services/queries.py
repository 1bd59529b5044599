"""Answer the SPARQL queries that people send: who may ask, what may be asked, how much of the machine one query gets.

Updates do not come through here, and neither do the hub's own queries, which are bounded by what they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pyoxigraph import NamedNode

from server.errors import HubError, Malformed, QueryRefused
from server.services.callers import Caller, Role
from server.services.turnstile import Turnstile
from server.settings import Settings
from server.store.base import Answer, Form, Limits, Store
from server.store.guard import Inspected, inspect
from server.store.text import fill

TABLE_TYPES = ("application/sparql-results+json", "application/sparql-results+xml", "text/csv", "text/tab-separated-values")
GRAPH_TYPES = ("text/turtle", "application/n-triples", "application/ld+json", "application/rdf+xml", "application/trig", "application/n-quads")
_SHOWN = 5
_NOTHING = "urn:x-hub:nothing"
_PRESENT = "SELECT DISTINCT ?graph WHERE { VALUES ?graph { $graphs } FILTER EXISTS { GRAPH ?graph { ?s ?p ?o } } }"


def media_types(form: Form) -> tuple[str, ...]:
    """Name the types that an answer comes in: a table for SELECT and ASK, a graph for CONSTRUCT and DESCRIBE."""
    return GRAPH_TYPES if form == "construct" else TABLE_TYPES


def limits_of(settings: Settings) -> Limits:
    """Return the most that one query may use."""
    return Limits(settings.query_seconds, settings.query_memory_mb, settings.query_rows, settings.query_bytes)


@dataclass(frozen=True)
class Question:
    """A query as it was sent, with the dataset that the protocol names beside it, the time asked for, where it came from, and its request's id.

    `newest`: an answer from a replica that may lag will not do.
    """

    sparql: str
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    seconds: float | None = None
    address: str = ""
    request: str = ""
    newest: bool = False


@dataclass(frozen=True)
class Asked:
    """One finished query, for whoever keeps records: `outcome` is `done` or the name of the exception."""

    caller: Caller
    question: Question
    form: str
    seconds: float
    rows: int
    bytes: int
    outcome: str


@dataclass
class Trace:
    """What became of a query on its way: its form, the limits that it had, and the seconds spent before each step was done."""

    begin: float = field(default_factory=time.monotonic)
    form: str = "query"
    limits: Limits | None = None
    steps: dict[str, float] = field(default_factory=dict)

    def done(self, step: str) -> None:
        """Note that a step is done now."""
        self.steps[step] = time.monotonic() - self.begin - sum(self.steps.values())

    def describe(self, question: Question, answer: Answer | None = None) -> dict[str, Any]:
        """Say it in JSON: what was asked, which limits held, what came of it, where the time went (in milliseconds)."""
        described: dict[str, Any] = {
            "asked": {"form": self.form, "characters": len(question.sparql), "default": question.default, "named": question.named},
            "time": {**{step: round(seconds * 1000, 2) for step, seconds in self.steps.items()}, "total": self._total()},
        }
        if self.limits is not None:
            described["limits"] = {name: value for name, value in asdict(self.limits).items() if name != "newest"}  # that is no limit
        if answer is not None:
            described["answer"] = {"media_type": answer.media_type, "rows": answer.rows, "bytes": answer.length}
        return described

    def _total(self) -> float:
        return round((time.monotonic() - self.begin) * 1000, 2)


Record = Callable[[Asked], None]


class Queries:
    """The use case: inspect, wait for a place, run within the limits."""

    def __init__(self, kg: Store, limits: Limits, turnstile: Turnstile, record: Record | None = None, base: str = "") -> None:
        """Take the dataset asked, the most that one query may use, who is told about each, and the base of relative IRIs."""
        self._kg, self._limits, self._turnstile, self._record, self._base = kg, limits, turnstile, record, base

    @classmethod
    def build(cls, kg: Store, settings: Settings, record: Record | None = None) -> Queries:
        """Take the limits from the settings. A quarter of the threads is left to everything else that the hub does."""
        limits = limits_of(settings)
        places = max(1, min(settings.query_concurrency, settings.threads // 2))
        seats = max(2, settings.threads - settings.threads // 4 - places)
        return cls(kg, limits, Turnstile(places, seats, max(2, settings.threads // 2)), record, settings.base_iri)

    def run(self, caller: Caller, question: Question, choose: Callable[[Form], str]) -> Answer:
        """Answer a question; `choose` picks the media type when the form of the query is known.

        Raises `QueryRefused`, `QueryTimeout`, `QueryLimit`, `TooManyRequests`, and whatever `choose` raises.
        """
        return self._run(caller, question, choose, Trace())

    def explain(self, caller: Caller, question: Question, choose: Callable[[Form], str]) -> dict[str, Any]:
        """Run a question and tell what became of it instead of the answer. What it raises tells it too, as the member `explain`."""
        trace = Trace()
        try:
            answer = self._run(caller, question, choose, trace)
        except HubError as error:
            error.members = {**error.members, "explain": trace.describe(question)}
            raise
        answer.body.close()
        return trace.describe(question, answer)

    def _run(self, caller: Caller, question: Question, choose: Callable[[Form], str], trace: Trace) -> Answer:
        caller.require(Role.reader)
        try:
            answer = self._answer(caller, question, choose, trace)
        except HubError as error:
            self._tell(caller, question, trace, type(error).__name__)
            raise
        self._tell(caller, question, trace, "done", answer.rows, answer.length)
        return answer

    def _answer(self, caller: Caller, question: Question, choose: Callable[[Form], str], trace: Trace) -> Answer:
        found = inspect(question.sparql)
        trace.form = found.verb
        media_type = choose(found.form)
        limits = trace.limits = self._within(question.seconds, question.newest)
        trace.done("read")
        with self._turnstile.place(caller.id or f"nobody at {question.address}", limits.seconds):
            trace.done("waited")
            default, named = self._dataset(question, found)
            text = f"BASE <{self._base}> {question.sparql}" if found.relative and self._base else question.sparql
            trace.done("graphs")
            try:
                return self._kg.stranger(text, found.form, media_type, limits, default=default, named=named)
            finally:
                trace.done("store")

    def _within(self, seconds: float | None, newest: bool) -> Limits:
        """Lower the time limit to what was asked for; it is never raised."""
        limits = replace(self._limits, newest=True) if newest else self._limits
        return replace(limits, seconds=min(seconds, limits.seconds)) if seconds else limits

    def _dataset(self, question: Question, found: Inspected) -> tuple[list[str], list[str]]:
        """Return the graphs of the protocol's dataset, in which what nobody has is empty, as the protocol's own tests want it.

        No engine shall be tempted to fetch a graph: one that is not here gets a name that leads nowhere; in FROM, which that dataset replaces,
        it is refused, so that no one takes nothing for an answer.
        """
        given = question.default + question.named
        if given:
            missing = set(self._missing(given, Malformed))
            default = [each for each in question.default if each not in missing]
            named = [each for each in question.named if each not in missing]
            return default if default or named else [_NOTHING], named
        if missing_froms := self._missing(found.froms + found.from_named, QueryRefused):
            names = ", ".join(f"<{iri}>" for iri in missing_froms[:_SHOWN])
            raise QueryRefused(f"The hub has no graph {names}, and fetches none. Without FROM a query sees the union of all graphs.")
        return [], []

    def _missing(self, iris: Iterable[str], wrong: type[HubError]) -> list[str]:
        wanted = {iri: _named(iri, wrong) for iri in iris}
        if not wanted:
            return []
        present = {row["graph"] for row in self._kg.select(fill(_PRESENT, graphs=wanted.values()))}
        return [iri for iri, name in wanted.items() if name not in present]

    def _tell(self, caller: Caller, question: Question, trace: Trace, outcome: str, rows: int = 0, length: int = 0) -> None:
        if self._record:
            self._record(Asked(caller, question, trace.form, time.monotonic() - trace.begin, rows, length, outcome))


def _named(iri: str, wrong: type[HubError]) -> NamedNode:
    try:
        return NamedNode(iri)
    except ValueError:
        raise wrong(f"{iri[:200]!r} names no graph; write an absolute IRI.") from None
