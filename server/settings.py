"""The settings: one table that the start, the command line, the documentation and its test all read.

Every attribute of `Settings` is a row of the table; the environment variable is its name in capitals after `HUB_`, and
`hub.toml` uses the attribute's own name. Nothing else in the project reads the environment.
"""

# The calls that make the rows' defaults give immutable values:
# ruff: noqa: RUF009

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from server.values import (
    BASE,
    FILE,
    FOLDER,
    FOLDERS,
    ORIGIN,
    REACHABLE,
    ROOT,
    SIZE,
    TEXT,
    URL,
    Kind,
    choice,
    many,
    nearest,
    number,
    one_of,
    seconds,
    show_size,
)

PREFIX = "HUB_"
EMBEDDED = "embedded"
_CORES = os.cpu_count() or 1


class SettingsError(Exception):
    """A setting is unknown, has a value that is not allowed, or does not go with another one."""


def row(kind: Kind, default: Any, text: str, *, unit: str = "", shown: str | None = None, secret: bool = False) -> Any:
    """Declare one row: kind of value, default, help text, unit, how to show a default that is worked out, whether it is a secret."""
    return field(default=default, repr=not secret, metadata={"kind": kind, "help": text, "unit": unit, "shown": shown, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the operator can set; made by `load`, or directly in tests. The checks across rows hold for every instance."""

    host: str = row(TEXT, "127.0.0.1", "Address to listen on.")
    port: int = row(number(1, 65535), 5000, "Port to listen on.")
    workers: int = row(number(1, 256), 0, "Processes that answer requests; exactly one with the embedded store.", shown="by cores")
    threads: int = row(number(1, 256), 16, "Requests that one process works on at the same time.")
    stop_seconds: float = row(seconds(600), 30.0, "How long running requests may take to end when the hub is stopped.", unit="seconds")
    base_iri: str = row(
        BASE,
        "",
        "Every IRI that the hub coins starts with it. Kept in the store; a start with another one is refused.",
        shown="http://localhost:<port>/",
    )
    data: Path = row(FOLDER, Path("data"), "Folder of the embedded store, the search index, bundles and keys.", shown="./data")
    disk_reserve: int = row(SIZE, 64 * 2**20, "Room that must stay free on the disk; below it writes are refused and reads go on.", unit="bytes")
    store: str = row(one_of(EMBEDDED, URL), EMBEDDED, "`embedded`, or the address of a SPARQL 1.1 dataset such as http://localhost:3030/kg.")
    store_query_url: str = row(URL, "", "Where the store answers queries (a read replica, or another layout than Fuseki's).", shown="<store>/sparql")
    store_replica_url: str = row(
        URL, "", "Where strangers' SPARQL queries are answered, and nothing else: a copy of the store that may lag behind it.", shown="<store>/sparql"
    )
    store_update_url: str = row(URL, "", "Where the store takes updates.", shown="<store>/update")
    store_graph_url: str = row(URL, "", "Where the store speaks the Graph Store Protocol.", shown="<store>/data")
    store_user: str = row(TEXT, "", "User name for the store.")
    store_password: str = row(TEXT, "", "Password for the store.", secret=True)
    store_seconds: float = row(seconds(3600), 30.0, "How long the store may take to answer one of the hub's own requests.", unit="seconds")
    system_store: str = row(
        one_of(EMBEDDED, URL), "", "The dataset of credentials and audit, which no SPARQL face reaches.", shown="`system` next to the store"
    )
    shapes: tuple[Path, ...] = row(FOLDERS, (ROOT / "shapes",), "Folders of the shapes, one kind a file.", shown="shapes")
    queries: tuple[Path, ...] = row(FOLDERS, (ROOT / "queries",), "Folders of the stored queries and views.", shown="queries")
    ontology: tuple[Path, ...] = row(FOLDERS, (ROOT / "ontology",), "Folders of the ontologies.", shown="ontology")
    anonymous_role: Literal["none", "reader", "contributor"] = row(
        choice("none", "reader", "contributor"), "reader", "Role of a caller without credentials; contributor only while listening on loopback."
    )
    registration: Literal["open", "invite", "closed"] = row(
        choice("open", "invite", "closed"), "open", "Who may register: everybody (as contributor), who has an invitation, nobody."
    )
    token_minutes: int = row(number(1, 525600), 60, "How long a log-in token is valid.", unit="minutes")
    mlflow_uri: str = row(URL, "", "MLflow tracking server to take models from.")
    mlflow_token: str = row(TEXT, "", "Bearer token for MLflow.", secret=True)
    mlflow_user: str = row(TEXT, "", "User name for MLflow, where it wants one.")
    mlflow_password: str = row(TEXT, "", "Password for MLflow.", secret=True)
    mlflow_publish: tuple[str, ...] = row(
        many(choice("user", "source", "commit")),
        (),
        "What an import may publish of who and what made a run: user, source (script, repository), commit.",
    )
    cords_aliases: Literal["on", "off"] = row(
        choice("on", "off"),
        "on",
        "Whether SPARQL finds descriptions by the IRIs that old consumers of CORDS descriptions ask for, in the graph <base>api/aliases.",
    )
    mlflow_access: Literal["shared", "own"] = row(
        choice("shared", "own"),
        "shared",
        "With which credentials people import from MLflow: `shared`, the hub's, or their `own`, sent as X-MLflow-Authorization.",
    )
    mlflow_write_back: Literal["off", "on"] = row(
        choice("off", "on"), "off", "Whether an import writes the IRI of a run back to MLflow, as its tag `hub.iri`."
    )
    true_connector_url: str = row(URL, "", "Self-description management of the IDS TRUE Connector.")
    true_connector_user: str = row(TEXT, "", "User name for it.")
    true_connector_password: str = row(TEXT, "", "Password for it.", secret=True)
    true_connector_proxy_url: str = row(URL, "", "The `/proxy` of the connector's data app.")
    true_connector_proxy_user: str = row(TEXT, "", "User name for the proxy.")
    true_connector_proxy_password: str = row(TEXT, "", "Password for the proxy.", secret=True)
    true_connector_broker_url: str = row(URL, "", "Metadata broker of the dataspace.")
    true_connector_ca: Path | None = row(FILE, None, "CA bundle for the connector's TLS; verification cannot be turned off.")
    orchestrator_uri: str = row(URL, "", "Federated-learning orchestrator, used in the IRIs of client nodes.")
    outbound_allow: tuple[str, ...] = row(
        many(REACHABLE), (), "What the hub may contact on behalf of users, besides the addresses of these settings; redirects included."
    )
    query_seconds: float = row(seconds(3600), 10.0, "Time limit of a stranger's SPARQL query.", unit="seconds")
    query_memory_mb: int = row(number(64, 1048576), 1024, "Memory limit of a stranger's SPARQL query.", unit="MiB")
    query_rows: int = row(number(1, 10**9), 100_000, "Rows or triples that a stranger's SPARQL query may answer.", unit="rows")
    query_bytes: int = row(SIZE, 64 * 2**20, "Bytes that a stranger's SPARQL query may answer.", unit="bytes")
    query_concurrency: int = row(
        number(1, 256), max(2, _CORES), "Strangers' SPARQL queries that run at the same time in one process.", shown="by cores"
    )
    audit_days: int = row(number(1, 36500), 730, "How long the audit log keeps an entry.", unit="days")
    audit_query_days: int = row(number(1, 36500), 30, "How long the audit log keeps an entry about a SPARQL query.", unit="days")
    body_bytes: int = row(SIZE, 16 * 2**20, "Largest body of a request.", unit="bytes")
    bundle_bytes: int = row(SIZE, 8 * 2**30, "Largest model bundle.", unit="bytes")
    cors_origins: tuple[str, ...] = row(many(ORIGIN), ("http://localhost:8082",), "Web origins whose pages may call the hub.")
    mlhub_config: Path | None = row(FILE, None, "Configuration file of MLHub to take prediction backends from.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = row(
        choice("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "Least important log lines to write."
    )

    def __post_init__(self) -> None:
        """Work out what other rows decide, and check the rows against each other."""
        for name, value in _worked_out(self).items():
            object.__setattr__(self, name, value)
        if EMBEDDED in (self.store, self.system_store) and self.workers != 1:
            raise SettingsError(
                f"HUB_WORKERS={self.workers} does not go with an embedded store: exactly one process can have it open. Set HUB_STORE, or 1."
            )
        if self.anonymous_role == "contributor" and not self.loopback:
            raise SettingsError(
                f"HUB_ANONYMOUS_ROLE=contributor does not go with HUB_HOST={self.host}: everybody could write. "
                "Listen on 127.0.0.1, ::1 or localhost, or set none or reader."
            )

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the hub."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"


def _worked_out(settings: Settings) -> dict[str, object]:
    remote = settings.store != EMBEDDED
    system = settings.system_store or (settings.store.rpartition("/")[0] + "/system" if remote else EMBEDDED)
    one_process = EMBEDDED in (settings.store, system)
    return {
        "base_iri": settings.base_iri or f"http://localhost:{settings.port}/",
        "data": settings.data.resolve(),
        "system_store": system,
        "workers": settings.workers or (1 if one_process else _CORES),
        "store_query_url": settings.store_query_url or (f"{settings.store}/sparql" if remote else ""),
        "store_replica_url": settings.store_replica_url or (settings.store_query_url or f"{settings.store}/sparql" if remote else ""),
        "store_update_url": settings.store_update_url or (f"{settings.store}/update" if remote else ""),
        "store_graph_url": settings.store_graph_url or (f"{settings.store}/data" if remote else ""),
    }


@dataclass(frozen=True)
class Row:
    """One row of the table as people read it."""

    variable: str
    attribute: str
    kind: Kind
    default: str
    unit: str
    help: str
    secret: bool


def table() -> Iterator[Row]:
    """List the settings in the order of the code."""
    for each in fields(Settings):
        data = each.metadata
        yield Row(
            PREFIX + each.name.upper(),
            each.name,
            data["kind"],
            data["shown"] or show(each.default, data["kind"]),
            data["unit"],
            data["help"],
            data["secret"],
        )


def show(value: object, kind: Kind) -> str:
    """Write a value the way that the environment takes it."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, tuple):
        return (os.pathsep if value and isinstance(value[0], Path) else ",").join(map(str, value))
    if isinstance(value, int) and kind is SIZE:
        return show_size(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def current(settings: Settings) -> Iterator[tuple[Row, str]]:
    """List the rows with their present values; a secret only says whether it is set."""
    for each in table():
        value = show(getattr(settings, each.attribute), each.kind)
        yield each, ("(set)" if value else "") if each.secret else value


def load(environ: Mapping[str, str], toml_path: Path | None = None) -> Settings:
    """Read the settings: the environment first, then the file, then the defaults. Raises `SettingsError`."""
    known = {PREFIX + each.name.upper(): each for each in fields(Settings)}
    given = {PREFIX + name.upper(): (f"{name} in {toml_path}", value) for name, value in _toml(toml_path).items()}
    given |= {name: (name, value) for name, value in environ.items() if name.startswith(PREFIX) and value != ""}
    values: dict[str, Any] = {}
    for variable, (called, text) in given.items():
        if variable not in known:
            raise SettingsError(_unknown(called, variable, known))
        values[known[variable].name] = _parse(called, text, known[variable])
    return Settings(**values)


def _toml(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}") from error
    folders = {each.name for each in fields(Settings) if each.metadata["kind"] is FOLDERS}
    return {
        name: (os.pathsep if name in folders else ",").join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in content.items()
    }


def _unknown(called: str, variable: str, known: Mapping[str, object]) -> str:
    close = nearest(variable, known)
    hint = f"Did you mean {close}?" if close else f"Known are {', '.join(sorted(known))}."
    return f"There is no setting {called}. {hint}"


def _parse(called: str, text: str, row: Field[Any]) -> object:
    kind: Kind = row.metadata["kind"]
    try:
        return kind.parse(text)
    except ValueError:
        what = "The value" if row.metadata["secret"] else f"The value {text!r}"
        raise SettingsError(f"{what} of {called} is not allowed: it must be {kind.allowed}.") from None
