"""The measures: each a function from the lab to lines of the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import quote

from bench import cords, data, servers, strangers, views
from bench.calls import WARM, Connection, medians
from bench.lab import Hub, Lab, fresh
from bench.results import Measured, Target, ratio
from bench.tracking import mlflow_embedded
from server.store.embedded import EmbeddedStore

N_TRIPLES = "application/n-triples"
_RESULTS = "application/sparql-results+json"
_UPDATE = "application/sparql-update"
_LARGE = 6_000  # triples of the large graph
_CLIENTS, _CLIENT_SECONDS = 4, 5.0


def register_embedded(lab: Lab) -> Iterator[Measured]:
    """Register a model; beside it one update and one fsync of the bare store."""
    store = EmbeddedStore(lab.folder / "bare")
    texts, bodies = _inserts(lab.small, lab.calls + WARM), fresh(lab.calls + WARM)
    bare, hub = medians(lab.calls, lambda at: store.update(texts[at]), lambda at: lab.small.register(bodies[at]))
    store.close()
    yield ratio("register a model, beside bare INSERT DATA, embedded", 4, bare, hub)


def register_fuseki(lab: Lab) -> Iterator[Measured]:
    """Register a model; beside it `INSERT DATA` straight to the same Fuseki."""
    straight = lab.fuseki.connect()
    texts, bodies = _inserts(lab.remote, lab.calls + WARM), fresh(lab.calls + WARM)
    bare, hub = medians(
        lab.calls,
        lambda at: straight.send("POST", "/kg/update", texts[at].encode(), content_type=_UPDATE),
        lambda at: lab.remote.register(bodies[at]),
    )
    yield ratio("register a model, beside bare INSERT DATA, Fuseki", 2, bare, hub)


def get_embedded(lab: Lab) -> Iterator[Measured]:
    """Read a model; beside it the CONSTRUCT of its graph from the oxigraph server with the same graphs."""
    hub = lab.small
    bare, through = medians(
        lab.calls,
        lambda at: lab.oxigraph.query("/query", _construct(hub.path(at)), N_TRIPLES),
        lambda at: hub.connection.get(hub.path(at)),
    )
    yield ratio("GET a model as JSON, beside CONSTRUCT from `oxigraph serve`, embedded", 1.5, bare, through)


def get_fuseki(lab: Lab) -> Iterator[Measured]:
    """Read a model; beside it the CONSTRUCT of its graph straight from Fuseki."""
    hub, straight = lab.remote, lab.fuseki.connect()
    bare, through = medians(
        lab.calls,
        lambda at: straight.query("/kg/sparql", _construct(hub.path(at)), N_TRIPLES),
        lambda at: hub.connection.get(hub.path(at)),
    )
    yield ratio("GET a model as JSON, beside bare CONSTRUCT, Fuseki", 1.5, bare, through)


def sparql(lab: Lab) -> Iterator[Measured]:
    """Ask through the hub and straight: something tiny, and 6 000 triples in the two types that people take graphs in."""
    straight, hub = lab.fuseki.connect(), lab.remote.connection
    tiny = "ASK { ?s a <http://www.w3.org/ns/mls#Model> }"
    large = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ ?s ?p ?o }} LIMIT {_LARGE}"
    for name, bound, text, accept in (
        ("tiny ASK", 2.0, tiny, _RESULTS),
        (f"CONSTRUCT of {_LARGE:,} triples as N-Triples", 1.2, large, N_TRIPLES),
        (f"CONSTRUCT of {_LARGE:,} triples as Turtle", 1.2, large, "text/turtle"),
    ):
        bare, through = medians(
            lab.calls,
            lambda _, text=text, accept=accept: straight.query("/kg/sparql", text, accept),  # type: ignore[misc]
            lambda _, text=text, accept=accept: hub.query("/sparql", text, accept),  # type: ignore[misc]
        )
        yield ratio(f"{name} through the hub, beside straight to Fuseki", bound, bare, through)


def growth(lab: Lab) -> Iterator[Measured]:
    """Do the same in a large and a small store."""
    few, many = f"{lab.small.things:,} things ms", f"{lab.large.things:,} things ms"
    for name, call in (
        ("GET a model", lambda hub, at: hub.connection.get(hub.path(at))),
        ("list a page", lambda hub, _: hub.connection.get("/api/models")),
        ("filter by one facet", lambda hub, at: hub.connection.get(f"/api/models?limit=10&keywords={data.keyword(at % data.KEYWORDS)}")),
        ("full text", lambda hub, at: hub.connection.get(f"/api/models?limit=10&q={quote(data.word(at % data.WORDS))}")),
    ):
        yield _grown(lab, name, (few, many), call)
    bodies = {hub.things: fresh(lab.calls + WARM) for hub in (lab.small, lab.large)}
    yield _grown(lab, "register a model", (few, many), lambda hub, at: hub.register(bodies[hub.things][at]))


def _grown(lab: Lab, name: str, names: tuple[str, str], call: Callable[[Hub, int], object]) -> Measured:
    small, large = lab.small, lab.large
    few, many = medians(lab.calls, lambda at: call(small, at), lambda at: call(large, at))
    return ratio(
        f"{name}: {large.things:,} things beside {small.things:,}, embedded",
        1.3,
        few,
        many,
        (names[0].removesuffix(" ms"), names[1].removesuffix(" ms")),
    )


def bulk_embedded(lab: Lab) -> Iterator[Measured]:
    """Load the large store in bulk."""
    yield _loaded(lab.large, "embedded", 2_000)


def bulk_fuseki(lab: Lab) -> Iterator[Measured]:
    """Load Fuseki in bulk."""
    yield _loaded(lab.remote, "Fuseki", 500)


def _loaded(hub: Hub, store: str, bound: float) -> Measured:
    detail: dict[str, float | str] = {"things": hub.things, "seconds": round(hub.loaded, 1)}
    return Measured(
        f"bulk import through the gate, {store}", round(hub.things / hub.loaded), "things/s", Target(bound, "things/s", least=True), detail
    )


def memory(lab: Lab) -> Iterator[Measured]:
    """Look at the memory of the process that served all of this."""
    serving, family = servers.memory(lab.large.server)
    yield Measured(
        f"memory of the hub process with {lab.large.things:,} things, embedded",
        round(serving),
        "MB",
        Target(400, "MB"),
        {"with supervisor and query processes MB": round(family)},
    )


def start(lab: Lab) -> Iterator[Measured]:
    """Stop the hub with many things, and wait until it is ready again; then look at its memory."""
    server = lab.restarted()
    yield Measured(f"start to ready with {lab.large.things:,} things, embedded, second start", round(server.seconds, 2), "s", Target(3, "s"))
    serving, _ = servers.memory(server)
    yield Measured(f"memory of the hub process with {lab.large.things:,} things, just started", round(serving), "MB", Target(400, "MB"))


def processes(lab: Lab) -> Iterator[Measured]:
    """Read with four clients at once from one process and from two over the same Fuseki."""
    found = []
    for workers in (1, 2):
        with servers.hub(lab.folder / f"workers-{workers}", store=f"{lab.fuseki.url}/kg", workers=str(workers)) as server:
            paths = [lab.remote.path(number) for number in range(1000)]
            with ProcessPoolExecutor(_CLIENTS) as pool:
                answered = sum(pool.map(_read_for, [server.url] * _CLIENTS, [paths] * _CLIENTS))
            found.append(answered / _CLIENT_SECONDS)
    detail: dict[str, float | str] = {"one process": round(found[0]), "clients": _CLIENTS}
    yield Measured("GET a model from two processes over one Fuseki, clients on the same machine", round(found[1]), "answers/s", None, detail)


def _read_for(url: str, paths: list[str]) -> int:
    connection, answered = Connection(url), 0
    end = time.monotonic() + _CLIENT_SECONDS
    while time.monotonic() < end:
        connection.get(paths[answered % len(paths)])
        answered += 1
    connection.close()
    return answered


def _construct(path: str) -> str:
    return f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{servers.BASE}{path[1:]}> {{ ?s ?p ?o }} }}"


def _inserts(hub: Hub, how_many: int) -> list[str]:
    """Write updates that insert the triples of one of the hub's models, each time as another model in another graph."""
    path = hub.path(0)
    triples, known = hub.connection.get(path, N_TRIPLES).decode(), path.rpartition("/")[2]
    if triples.count("\n") != data.TRIPLES:
        raise RuntimeError(f"the model has {triples.count(chr(10))} triples, not {data.TRIPLES}")
    texts = []
    for number in range(how_many):
        id = data.identifier("bare", number)
        texts.append(f"INSERT DATA {{ GRAPH <{servers.BASE}bare/{id}> {{ {triples.replace(known, id)} }} }}")
    return texts


EMBEDDED, FUSEKI = "embedded", "fuseki"
Measure = Callable[[Lab], Iterator[Measured]]

# In this order: what writes little comes before what writes much, and the restart last of all.
MEASURES: dict[str, dict[str, Measure]] = {
    "register": {EMBEDDED: register_embedded, FUSEKI: register_fuseki},
    "get": {EMBEDDED: get_embedded, FUSEKI: get_fuseki},
    "sparql": {FUSEKI: sparql},
    "long": {FUSEKI: strangers.long_answers},
    "hostile": {EMBEDDED: strangers.hostile_embedded, FUSEKI: strangers.hostile_fuseki},
    "cords": {EMBEDDED: cords.embedded, FUSEKI: cords.fuseki},
    "bulk": {EMBEDDED: bulk_embedded, FUSEKI: bulk_fuseki},
    "views": {EMBEDDED: views.embedded, FUSEKI: views.fuseki},
    "growth": {EMBEDDED: growth},
    "mlflow": {EMBEDDED: mlflow_embedded},
    "memory": {EMBEDDED: memory},
    "start": {EMBEDDED: start},
    "processes": {FUSEKI: processes},
}
