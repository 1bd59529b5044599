"""The hub, wired: settings, stores, graph tools, index and services. Every face and every command works through one of these."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event

from server.clients.mlflow import MLflow
from server.graph.kinds import Registry
from server.index.index import Index
from server.services.aliasing import prepare_aliases
from server.services.amending import Amending
from server.services.assets import Assets
from server.services.bulk import Bulk
from server.services.endpoint import Endpoint
from server.services.enrolment import Enrolment
from server.services.federated import Federated
from server.services.fl_import import FederatedImport
from server.services.free_past import FreePast
from server.services.graphs import Graphs
from server.services.harvest import Harvest
from server.services.identity import Identity
from server.services.indexing import Indexing, open_index
from server.services.inventory import Inventory
from server.services.lineage import Tracing
from server.services.linked import Linked, hierarchy_of, subclasses
from server.services.migrations import migrate
from server.services.past import Past
from server.services.persons import Persons
from server.services.places import Places
from server.services.queries import Queries, limits_of
from server.services.query_log import QueryLog
from server.services.reports import Reports
from server.services.retention import Retention
from server.services.searching import Searching
from server.services.semantic_search import SemanticSearch
from server.services.semantics import Semantics
from server.services.statistics import Counting
from server.services.things import Toolbox
from server.services.together import Together
from server.services.updating import Updating
from server.services.upserting import Upserting
from server.services.users import Users
from server.services.validating import Validating
from server.services.views import Views
from server.settings import EMBEDDED, Settings
from server.store.base import Store
from server.store.embedded import EmbeddedStore
from server.store.remote import RemoteStore
from server.store.timed import TimedStore


@dataclass(frozen=True)
class Hub:
    """All parts of one running hub."""

    settings: Settings
    kg: Store
    system: Store
    registry: Registry
    tools: Toolbox
    index: Index
    indexing: Indexing
    assets: Assets
    past: Past
    searching: Searching
    inventory: Inventory
    identity: Identity
    enrolment: Enrolment
    users: Users
    views: Views
    bulk: Bulk
    amending: Amending
    validating: Validating
    queries: Queries
    query_log: QueryLog
    endpoint: Endpoint
    reports: Reports
    updating: Updating
    graphs: Graphs
    free_past: FreePast
    semantic_search: SemanticSearch
    statistics: Counting
    linked: Linked
    tracing: Tracing
    harvest: Harvest
    semantics: Semantics
    federated: Federated
    fl_import: FederatedImport
    closing: Event

    def close(self) -> None:
        """Finish what runs, write what waits, and release files and connections."""
        self.closing.set()
        self.bulk.close()
        self.indexing.close()
        self.query_log.flush()
        self.identity.close()
        self.harvest.close()
        self.statistics.close()
        self.index.close()
        self.kg.close()
        self.system.close()


def open_stores(settings: Settings) -> tuple[Store, Store]:
    """Open the knowledge dataset and the system dataset that the settings name."""
    return _open(settings, settings.store, "kg"), _open(settings, settings.system_store, "system")


def build(settings: Settings, registry: Registry | None = None) -> Hub:
    """Open the stores, bring them to the present version, and wire everything over them.

    `registry` replaces the kinds of the settings' folders (tests declare theirs in a string). Raises `SettingsError` and `StoreUnavailable`.
    """
    registry = registry or Registry.load(settings.shapes)
    with ExitStack() as opened:
        kg, system = open_stores(settings)
        opened.callback(kg.close)
        opened.callback(system.close)
        migrate(kg, system, settings.base_iri)
        hub = wire(settings, kg, system, registry)
        hub.linked.keep_closure()
        opened.pop_all()  # the hub closes them from now on
    return hub


def wire(settings: Settings, kg: Store, system: Store, registry: Registry) -> Hub:
    """Wire the services over two open stores."""
    tools = Toolbox(kg, registry, settings.base_iri, aliased=settings.cords_aliases == "on")
    tools.history.prepare()
    prepare_aliases(tools)
    index = open_index(settings)
    indexing = Indexing(tools, index)
    assets = Assets(tools, indexing.publish)
    persons = Persons(assets)
    login_life = timedelta(minutes=settings.token_minutes)
    people = (persons.create, persons.remove, Retention(system, settings.audit_days, settings.audit_query_days))
    identity = Identity.build(system, *people, mode=settings.registration, login_life=login_life)
    enrolment = Enrolment(identity.accounts, identity.registration)
    query_log = QueryLog(identity.audit.record)
    queries = Queries.build(kg, settings, query_log)
    together = Together(tools, indexing.publish, enrolment.before_delete)
    graphs = Graphs(Places(tools), together)
    reports = Reports(tools, queries, indexing.publish, settings.queries, partial(subclasses, settings.ontology))
    harvest = open_harvest(settings, assets, indexing)
    searching = Searching(tools, index, indexing.settle)
    counting = Counting(tools)
    views = Views(kg, settings.queries, settings.base_iri)
    indexing.feed.catch_up()
    indexing.feed.start()
    return Hub(
        settings=settings,
        kg=kg,
        system=system,
        registry=registry,
        tools=tools,
        index=index,
        indexing=indexing,
        assets=assets,
        past=Past(tools),
        searching=searching,
        inventory=Inventory(searching),
        identity=identity,
        enrolment=enrolment,
        users=Users(identity.accounts, assets),
        views=views,
        bulk=Bulk(tools, indexing.publish),
        amending=Amending(assets),
        validating=Validating(tools),
        queries=queries,
        query_log=query_log,
        endpoint=Endpoint(settings, counting),
        reports=reports,
        semantic_search=SemanticSearch(reports, queries, tools),
        statistics=counting,
        linked=Linked(tools, settings.ontology, index, counting),
        tracing=Tracing(tools, hierarchy_of(settings.ontology)),
        updating=Updating(graphs.places, together, queries, limits_of(settings)),
        graphs=graphs,
        free_past=FreePast(graphs),
        harvest=harvest,
        semantics=Semantics(assets, harvest, views),
        federated=Federated(assets, searching),
        fl_import=FederatedImport(harvest),
        closing=Event(),
    )


def open_harvest(settings: Settings, assets: Assets, indexing: Indexing) -> Harvest:
    """Prepare what imports from the tracking server that the settings name."""
    upserting, write_back = Upserting(assets.tools, indexing.publish), settings.mlflow_write_back == "on"
    return Harvest(assets, upserting, open_mlflow(settings), settings.mlflow_publish, access=settings.mlflow_access, write_back=write_back)


def open_mlflow(settings: Settings) -> MLflow | None:
    """Prepare the client of the tracking server that the settings name, if they name one; nothing is contacted yet."""
    if not settings.mlflow_uri:
        return None
    return MLflow(settings.mlflow_uri, token=settings.mlflow_token, user=settings.mlflow_user, password=settings.mlflow_password)


def _open(settings: Settings, where: str, name: str) -> Store:
    if where == EMBEDDED:
        settings.data.mkdir(parents=True, exist_ok=True)
        return TimedStore(EmbeddedStore(settings.data / name, reserve=settings.disk_reserve, children=settings.query_concurrency + 1))
    if name == "kg":
        urls = (settings.store_query_url, settings.store_update_url, settings.store_graph_url)
        given = {"replica_url": settings.store_replica_url, "seconds": settings.store_seconds}
        return TimedStore(RemoteStore(*urls, settings.store_user, settings.store_password, **given))  # type: ignore[arg-type]  # of their kinds
    return TimedStore(RemoteStore.at(where, settings.store_user, settings.store_password, seconds=settings.store_seconds))
