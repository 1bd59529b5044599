"""Take over the database of a CORDS ML Resource API: one JSON file of TinyDB, whatever age its documents are of.

Ids, times and passwords stay what they are: people log in as before, and their hashes are renewed when they do. Reading the same file
again changes nothing that is here, brings back nothing that was deleted since, and takes what could not be taken before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from server.errors import HubError, Malformed
from server.graph.names import ID
from server.services.accounts import Accounts, normal_email
from server.services.assets import Assets
from server.services.callers import SYSTEM
from server.services.drafts import JSON, Document
from server.services.fl_forms import members as fl_members
from server.services.fl_forms import read_form
from server.services.passwords import known_hash
from server.services.things import is_deleted

REASON = "import of a CORDS database"
ORDER = ("people", "connectors", "models", "fl-services", "offers", "policies")
"""The collections in which what refers comes after what it refers to."""

_ASSETS = {"model": "models", "fl_service": "fl-services", "dataset": "datasets"}
_OTHERS = {"pip": "It counts the uses of a resource; counting begins anew."}


@dataclass(frozen=True)
class Entry:
    """One document: where it stands (`table/number`), what it becomes, and what it says."""

    place: str
    collection: str
    id: str
    said: Mapping[str, Any]


@dataclass
class Report:
    """What became of a file: how many documents were taken and were here already, by collection, and why each other one was not taken."""

    taken: dict[str, int] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, counts: dict[str, int], collection: str) -> None:
        """Count one more document of a collection."""
        counts[collection] = counts.get(collection, 0) + 1


class Refused(Exception):
    """A document cannot be taken, for this reason."""


def read_database(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the documents of a file with their places; raise `Malformed` for a file that is no such database."""
    try:
        tables = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{path}: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise Malformed(f"{path}: a database of CORDS is an object of tables, and a table is an object of documents.")
    return [(f"{name}/{number}", said) for name, table in tables.items() for number, said in table.items()]


class Importer:
    """Stores the documents of a database as the things that they are here."""

    def __init__(self, assets: Assets, accounts: Accounts, owner: str | None = None) -> None:
        """Import into this hub; what has no owner in the file, which is all but people, belongs to the account with the e-mail `owner`."""
        self._assets, self._accounts = assets, accounts
        self._owner = self._account(owner) if owner else None
        self._titles: dict[str, str] = {}

    def load(self, documents: Sequence[tuple[str, Any]], done: Callable[[], object]) -> Report:
        """Store documents, those that are referred to first; call `done` for each."""
        report, entries = Report(), list[Entry]()
        for place, said in documents:
            try:
                entries.append(sort_out(place, said))
            except Refused as reason:
                report.refused.append((place, str(reason)))
                done()
        people = {each.id for each in entries if each.collection == "people"}
        self._titles = {each.id: str(each.said.get("name")) for each in entries}
        for entry in sorted(entries, key=lambda each: ORDER.index(each.collection)):
            if entry.collection != "people" and self._owner is None and len(people) == 1:
                self._owner = self._assets.tools.names.thing("people", *people).value if self._stands("people", *people) else None
            try:
                counts = report.taken if self._store(entry) else report.present
                report.count(counts, entry.collection)
            except (Refused, HubError) as reason:
                report.refused.append((entry.place, _sentence(reason)))
            done()
        if self._owner is None and any(each.collection != "people" for each in entries):
            report.notes.append("Nobody owns what was taken, so that only curators change it: CORDS did not keep who added it. Name an owner.")
        return report

    def _store(self, entry: Entry) -> bool:
        """Store one document; tell whether that was still to be done."""
        if entry.collection == "people":
            return self._person(entry)
        head = self._head(entry)
        if head is not None:
            if is_deleted(head):
                raise Refused("It was deleted here since, and is not brought back.")
            return False
        members = _MEMBERS[entry.collection](self, entry.said)
        stamps = {"created": when} if (when := moment(entry.said.get("timestamp"))) else {}
        owner = {"creator": self._owner} if self._owner else {}
        self._create(entry, {**members, **stamps, **owner})
        return True

    def _person(self, entry: Entry) -> bool:
        said = entry.said
        email, stored = normal_email(_text(said, "email")), _text(said, "password")
        if (known := self._accounts.by_email(email)) is not None:
            if known.id == entry.id:
                return False
            raise Refused(f"{email} has an account already, and CORDS let nobody but the first one with an e-mail log in.")
        if not known_hash(stored):
            raise Refused("Its password is kept in a form that cannot be verified; add the account by `users add`.")
        names = [_text(said, key) for key in ("first_name", "last_name")]
        members = {"title": " ".join(filter(None, names)) or email.partition("@")[0], "position": said.get("role") or None}
        members |= {key: name for key, name in zip(("given_name", "family_name"), names, strict=True) if name}
        if not self._stands("people", entry.id):
            self._create(entry, members | ({"created": when} if (when := moment(said.get("timestamp"))) else {}))
        self._accounts.adopt(email, stored, self._assets.tools.names.thing("people", entry.id))
        return True

    def _create(self, entry: Entry, members: Mapping[str, Any]) -> None:
        external = self._assets.tools.kind(entry.collection).external
        body = {key: value for key, value in members.items() if value is not None} | ({} if external else {"id": entry.id})
        self._assets.create(SYSTEM, entry.collection, Document(JSON, body), reason=REASON, trusted=True)

    def _head(self, entry: Entry) -> Any:
        return self._assets.tools.history.head(self._assets.tools.names.document(entry.collection, entry.id))

    def _stands(self, collection: str, id: str) -> bool:
        head = self._assets.tools.history.head(self._assets.tools.names.document(collection, id))
        return head is not None and not is_deleted(head)

    def _account(self, email: str) -> str:
        account = self._accounts.by_email(email)
        if account is None:
            raise Malformed(f"There is no account with the e-mail {email[:200]} that could own what is taken.")
        return account.person.value

    def model(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a model; the oldest ones have no path but a text of semantics."""
        tags = [{"name": "cords.semantics", "value": str(said["semantics"])}] if said.get("semantics") else None
        location, version = said.get("ml_flow_model_path") or None, said.get("version")
        return {
            "title": said.get("name"), "version": str(version) if version else None, "description": said.get("description"), "location": location,
            "tags": tags,
        }  # fmt: skip

    def connector(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a connector, which keeps its IRI."""
        return {
            "iri": said.get("id"), "title": said.get("name"), "connector_type": said.get("type"), "description": said.get("description"),
            "url": said.get("access_url"), "reverse_proxy_url": said.get("reverse_proxy_url"), "public_key": said.get("public_key"),
        }  # fmt: skip

    def service(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a federated-learning service; what the file calls participants was never part of a service."""
        return {**fl_members(read_form(said, ("name",))), "published": bool(said.get("publised", False))}

    def offer(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a resource as the offer that it is; what it shares and where must be here."""
        asset, connector, sort = _text(said, "asset_id"), _text(said, "connector_id"), _text(said, "type") or "model"
        homes = [
            name for name in dict.fromkeys((_ASSETS.get(sort, "models"), *_ASSETS.values())) if ID.fullmatch(asset) and self._stands(name, asset)
        ]
        if not homes:
            raise Refused(f"The asset {asset[:80]} that it shares is not here.")
        if not self._stands("connectors", _hashed(connector)):
            raise Refused(f"The connector {connector[:200]} that it is shared through is not here.")
        thing = self._assets.tools.names.thing(homes[0], asset).value
        return {"title": self._titles.get(asset) or f"Resource of {sort} {asset[:8]}", "asset": thing, "connector": connector, "asset_type": sort}

    def policy(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a policy of a resource."""
        resource, sort = _text(said, "resource_id"), _text(said, "policy_type")
        if not (ID.fullmatch(resource) and self._stands("offers", resource)):
            raise Refused(f"The resource {resource[:80]} that it is about is not here.")
        metadata = orjson.dumps(said.get("policy_metadata") or {}, option=orjson.OPT_SORT_KEYS).decode()
        return {"title": sort, "policy_type": sort, "policy_metadata": metadata, "target": self._assets.tools.names.thing("offers", resource).value}


_MEMBERS: Mapping[str, Callable[[Importer, Mapping[str, Any]], dict[str, Any]]] = {
    "models": Importer.model,
    "connectors": Importer.connector,
    "fl-services": Importer.service,
    "offers": Importer.offer,
    "policies": Importer.policy,
}
_SORTS: Sequence[tuple[str, str, Callable[[Mapping[str, Any]], bool]]] = (
    ("people", "user_id", lambda said: "email" in said and "password" in said),
    ("policies", "policy_id", lambda said: "policy_type" in said or said.get("doc_type") == "policy"),
    ("offers", "resource_id", lambda said: "asset_id" in said and "connector_id" in said),
    ("fl-services", "fl_service_id", lambda said: any(key.startswith("fl_") for key in said)),
    ("connectors", "id", lambda said: "access_url" in said or "public_key" in said),
    ("models", "model_id", lambda said: "ml_flow_model_path" in said or "model_id" in said or {"name", "semantics"} <= said.keys()),
)
"""Collection, the member that has the id, and how its documents are known: users, models and connectors do not say what they are."""


def sort_out(place: str, said: Any) -> Entry:
    """Find out what a document is; raise `Refused` for one that is nothing known."""
    if not isinstance(said, dict):
        raise Refused("It is no object.")
    if reason := _OTHERS.get(str(said.get("doc_type"))):
        raise Refused(reason)
    for collection, key, fits in _SORTS:
        if fits(said):
            given = said.get(key)
            id = (
                given if isinstance(given, str) and ID.fullmatch(given) else _hashed(str(given)) if collection == "connectors" else _made(place, said)
            )
            return Entry(place, collection, id, said)
    raise Refused(f"Nothing tells what it is; it has the members {', '.join(sorted(map(str, said)))[:200] or 'none'}.")


def moment(text: Any) -> str | None:
    """Read a time as CORDS wrote it, the local one of its machine, as one in UTC; None for what is no time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (TypeError, ValueError, OverflowError):
        return None


def summary(report: Report) -> Iterator[str]:
    """Tell a report in lines."""
    for collection in ORDER:
        if (taken := report.taken.get(collection, 0)) + (present := report.present.get(collection, 0)):
            yield f"{collection}: {taken} taken, {present} here already"
    yield from report.notes
    yield from (f"not taken: {place}: {reason}" for place, reason in report.refused)


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _made(place: str, said: Mapping[str, Any]) -> str:
    """Make the id of a document that has none: the same whenever the same file is read."""
    return _hashed(f"cords {place} {orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()}")


def _sentence(error: Exception) -> str:
    faults = error.faults if isinstance(error, HubError) else ()
    return str(error) + "".join(f" ({each.pointer} {each.message})" for each in faults)
