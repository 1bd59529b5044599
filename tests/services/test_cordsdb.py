"""The database of a CORDS ML Resource API, old and new layouts, becomes people who can log in, and the things that they had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from werkzeug.security import generate_password_hash

from server.errors import Malformed
from server.services.assets import ANY
from server.services.callers import SYSTEM
from server.services.cordsdb import Importer, Report, moment, read_database, summary
from server.store.base import Store
from tests.support.hubs import wired

WHEN = "2024-04-24T12:06:12.955387"
ADA, NEW, OLD, RESOURCE, EARLY, POLICY, SERVICE = (digit * 64 for digit in "1234567")
CONNECTOR = "https://w3id.org/engrd/connector/provider"
PATH = "mlflow-artifacts:/332881035548763328/c4e20b0629c14dd2bb46780310f3fbeb/artifacts/knnmodel"


def user(id: str, email: str, password: str) -> dict[str, str]:
    return {
        "email": email, "password": password, "first_name": "Ada", "last_name": "Example", "role": "ML Engineer", "user_id": id, "timestamp": WHEN,
        "auth_token": "old", "auth_token_expiration": WHEN,
    }  # fmt: skip


def database() -> dict[str, Any]:
    model = {"name": "new", "version": "1.0", "description": "d", "ml_flow_model_path": PATH, "doc_id": 3, "model_id": NEW, "timestamp": WHEN}
    connector = {
        "id": CONNECTOR, "name": "TRUE", "type": "ids:BaseConnector", "description": "d", "public_key": "TUlJ",
        "access_url": "https://89.19.88.88:8449/", "reverse_proxy_url": "https://localhost:8184/proxy", "timestamp": WHEN,
    }  # fmt: skip
    service = {
        "name": "service", "description": "d", "fl_service_id": SERVICE, "fl_participants": {"n": 2},
        "fl_security_privacy": {"encryption_method": "aes"},
        "fl_session": {"session_id": "s1", "num_min_clients": 1}, "publised": True, "doc_type": "fl_service", "timestamp": WHEN,
    }  # fmt: skip
    resource = {"connector_id": CONNECTOR, "asset_id": NEW, "type": None, "doc_type": "resource", "resource_id": RESOURCE}
    policy = {"resource_id": RESOURCE, "policy_type": "N_TIMES", "policy_metadata": {"TIMES": "5"}, "doc_type": "policy", "policy_id": POLICY}
    early = {"connector_id": CONNECTOR, "asset_id": SERVICE, "type": "fl_service", "resource_id": EARLY, "timestamp": "no time"}
    return {
        "_default": {
            "1": {"name": "oldest", "version": "1.0", "description": "d", "semantics": "<></>"},
            "2": {"name": "old", "description": "d", "ml_flow_model_path": PATH, "model_id": OLD, "timestamp": WHEN},
            "3": model, "4": user(ADA, "ada@example.org", generate_password_hash("password123", method="scrypt")),
            "5": connector, "6": early, "7": {"resource_id": EARLY, "policy_type": "PURPOSE", "policy_metadata": {"PURPOSE": "x"}, "timestamp": WHEN},
            "8": {"doc_type": "pip", "consumer_uri": "x", "resource_id": RESOURCE, "access_count": 2}, "9": {"colour": "blue"}, "10": "no object",
            "11": {"name": " ", "version": "1.0", "description": "d", "ml_flow_model_path": PATH, "model_id": "a" * 64, "timestamp": WHEN},
        },
        "resource": {
            "1": resource, "2": resource | {"asset_id": "f" * 64, "resource_id": "b" * 64},
            "3": resource | {"connector_id": "urn:x", "resource_id": "c" * 64},
        },
        "policies": {"1": policy, "2": policy | {"resource_id": "f" * 64, "policy_id": "d" * 64}},
        "fl_services": {"1": service},
    }  # fmt: skip


def load(hub: Any, folder: Path, tables: Any, owner: str | None = None) -> Report:
    path = folder / "db.json"
    path.write_bytes(orjson.dumps(tables))
    done: list[int] = []
    documents = read_database(path)
    report = Importer(hub.assets, hub.identity.accounts, owner).load(documents, lambda: done.append(1))
    assert len(done) == len(documents) == sum(report.taken.values()) + sum(report.present.values()) + len(report.refused)
    return report


def test_everything_that_can_be_taken_is_taken_once(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with wired(stores, tmp_path) as hub:
        report = load(hub, tmp_path, database())
        assert report.taken == {"people": 1, "connectors": 1, "models": 3, "fl-services": 1, "offers": 2, "policies": 2}
        assert {place: words.partition(" ")[0] for place, words in report.refused} == {
            "_default/8": "It", "_default/9": "Nothing", "_default/10": "It", "_default/11": "The", "resource/2": "The", "resource/3": "The",
            "policies/2": "The",
        }  # fmt: skip
        json = {kind: hub.tools.json(hub.assets.read(kind, id)) for kind, id in (
            ("models", NEW), ("people", ADA), ("offers", RESOURCE), ("policies", POLICY), ("fl-services", SERVICE))}  # fmt: skip
        assert json["models"]["creator"] == json["people"]["iri"] and json["models"]["created"] == moment(WHEN)
        assert (json["models"]["location"], json["people"]["given_name"], json["people"]["position"]) == (PATH, "Ada", "ML Engineer")
        assert (json["offers"]["asset"], json["offers"]["connector"], json["offers"]["title"]) == (json["models"]["iri"], CONNECTOR, "new")
        assert json["policies"]["policy_metadata"] == '{"TIMES":"5"}' and json["policies"]["target"] == json["offers"]["iri"]
        assert json["fl-services"]["published"] is True and json["fl-services"]["security"]["encryption_method"] == "aes"
        caller = hub.identity.logins.basic("Ada@example.org", "password123", "here")
        assert caller.id == ADA and hub.identity.accounts.get(ADA).password_hash.startswith("$argon2id$")
        hub.assets.delete(SYSTEM, "policies", POLICY, ANY)
        hub.assets.patch(caller, "models", OLD, {"title": "renamed"}, ANY)
        before = hub.tools.history.last()
        again = load(hub, tmp_path, database())
        assert not again.taken and again.present == report.taken | {"policies": 1} and hub.tools.history.last() == before
        assert ("policies/1", "It was deleted here since, and is not brought back.") in again.refused
        assert "models: 0 taken, 3 here already" in list(summary(again))


def test_users_who_cannot_be_taken_are_named_and_an_owner_can_be_chosen(stores: tuple[Store, Store], tmp_path: Path) -> None:
    good = generate_password_hash("password123", method="scrypt")
    users = {"1": user(ADA, "ada@example.org", good), "2": user(NEW, "ADA@example.org", good), "3": user(OLD, "bob@example.org", "plain"),
             "4": user(SERVICE, "no address", good)}  # fmt: skip
    model = {"name": "m", "version": "1", "description": "d", "ml_flow_model_path": PATH, "timestamp": WHEN}
    with wired(stores, tmp_path) as hub:
        report = load(hub, tmp_path, {"_default": users | {"5": model}})
        assert report.taken == {"people": 1, "models": 1} and [place for place, _ in report.refused] == ["_default/2", "_default/3", "_default/4"]
        assert "Nobody owns" in report.notes[0] and any("not taken: _default/3: Its password" in line for line in summary(report))
        owned = load(hub, tmp_path, {"_default": {"5": model | {"name": "other"}}}, "ada@example.org")
        listed = hub.inventory.page(["models"]).items
        assert owned.taken == {"models": 1} and [each["creator"] and each["creator"]["id"] for each in listed] == [ADA, None]
        with pytest.raises(Malformed, match="no account"):
            Importer(hub.assets, hub.identity.accounts, "nobody@example.org")


@pytest.mark.parametrize(("text", "words"), [("{", "unexpected end"), ("[]", "object of tables"), ('{"_default": []}', "object of tables")])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "db.json").write_text(text)
    with pytest.raises(Malformed, match=words):
        read_database(tmp_path / "db.json")
