"""What belongs to no kind: the change log and its stream, validation, the context, the documentation."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from pyld import jsonld
from pyoxigraph import RdfFormat, parse
from werkzeug.test import TestResponse

from server.hub import Hub
from tests.support.toys import CAR

EX = "http://toys.example/ns#"
EVENTS = "text/event-stream"
ID = "a" * 64


def toy(client: FlaskClient, **members: Any) -> dict[str, Any]:
    made = client.post("/api/toys", json={"title": "x", **members})
    assert made.status_code == 201, made.text
    return made.json  # type: ignore[no-any-return]


def test_the_log_is_paged_to_its_end(client: FlaskClient) -> None:
    assert client.get("/api/changes").json == {"items": []}
    made = [toy(client, title=f"{number}") for number in range(5)]
    seen: list[str] = []
    since = 0
    while True:
        page = client.get(f"/api/changes?since={since}&limit=2").json
        seen += [each["id"] for each in page["items"]]
        if "next" not in page:
            break
        since = page["next"]
    assert seen == [each["id"] for each in made]
    assert client.get("/api/changes?since=999999999999999999").json == {"items": []}


def events(stream: TestResponse, count: int) -> list[dict[str, Any]]:
    """Read so many changes from a stream, then leave it."""
    found: list[dict[str, Any]] = []
    rest = b""
    for chunk in stream.response:
        rest += chunk if isinstance(chunk, bytes) else chunk.encode()
        *whole, rest = rest.split(b"\n\n")
        for event in whole:
            fields = dict(line.split(": ", 1) for line in event.decode().split("\n") if ": " in line and not line.startswith(":"))
            if fields.get("event") == "change":
                found.append(json.loads(fields["data"]))
                assert fields["id"] == str(found[-1]["sequence"])
        if len(found) >= count:
            break
    stream.close()
    return found


def test_the_stream_goes_on_where_it_ended(client: FlaskClient) -> None:
    made = [toy(client)["id"] for _ in range(3)]
    stream = client.get("/api/changes", headers={"Accept": EVENTS})
    assert stream.content_type.startswith(EVENTS)
    first = events(stream, 3)
    assert [each["id"] for each in first] == made and first == client.get("/api/changes").json["items"]
    again = events(client.get("/api/changes?since=0", headers={"Accept": EVENTS, "Last-Event-ID": "2"}), 1)
    assert [each["sequence"] for each in again] == [3]
    odd = events(client.get("/api/changes?since=1", headers={"Accept": EVENTS, "Last-Event-ID": "$log"}), 2)
    assert [each["sequence"] for each in odd] == [2, 3]


def test_streams_are_few_and_give_their_place_back(client: FlaskClient) -> None:
    open_streams = [client.get("/api/changes", headers={"Accept": EVENTS}) for _ in range(8)]
    for stream in open_streams:
        assert stream.status_code == 200
    busy = client.get("/api/changes", headers={"Accept": EVENTS})
    assert busy.status_code == 429 and busy.headers["Retry-After"] and client.get("/api/changes").status_code == 200
    for stream in open_streams:
        stream.close()
    free = client.get("/api/changes", headers={"Accept": EVENTS})
    assert free.status_code == 200
    free.close()


def test_validation_judges_as_a_write_would_and_stores_nothing(client: FlaskClient) -> None:
    friend = toy(client)
    good = {"title": "x", "goes_with": [friend["id"]]}
    assert client.post("/api/validate?kind=toys", json=good).json["conforms"] is True
    turtle = f'<> a <{EX}Toy> ; <http://purl.org/dc/terms/title> "x" ; <{EX}price> {{}} .'
    assert client.post("/api/validate?kind=toys", data=turtle.format("1e0"), content_type="text/turtle").status_code == 200
    for body, media in (
        (json.dumps({"title": "x", "goes_with": [ID]}), "application/json"),
        (json.dumps({"@id": "", "@type": EX + "Toy"}), "application/ld+json"),
        (turtle.format("-1e0"), "text/turtle"),
        (turtle.format('"much"'), "text/turtle"),
    ):
        answer = client.post("/api/validate?kind=toys", data=body, content_type=media)
        assert answer.status_code == 422 and answer.json["errors"], (body, answer.text)
    assert client.get("/api/changes").json["items"][-1]["sequence"] == 1


def test_any_graph_can_be_validated_by_its_types(client: FlaskClient) -> None:
    two = f'<urn:x:a> a <{EX}Toy> ; <http://purl.org/dc/terms/title> "x" . <urn:x:b> a <{EX}Toy> .'
    answer = client.post("/api/validate", data=two, content_type="text/turtle")
    assert answer.status_code == 422 and len(answer.json["errors"]) == 1
    assert client.post("/api/validate", data="<urn:x:a> a <urn:x:B> .", content_type="text/turtle").json == {"conforms": True, "warnings": []}
    assert client.post("/api/validate", json={"title": "x"}).status_code == 400
    assert client.post("/api/validate?kind=nothing", json={"title": "x"}).status_code == 404
    assert client.post("/api/validate", data="<urn:x:a> <urn:x:b> 'x'@en--ltr .", content_type="text/turtle").status_code == 400


def test_the_context_makes_json_a_graph_for_any_processor(client: FlaskClient) -> None:
    made = toy(client, **{**CAR, "title": {"en": "Car", "@none": "car"}})
    answer = client.get("/context.jsonld", headers={"Origin": "https://anybody.example"})
    assert answer.content_type == "application/ld+json" and answer.headers["Access-Control-Allow-Origin"] == "*"
    path = f"/api/toys/{made['id']}"
    turtle = {str(quad.triple) for quad in parse(client.get(path, headers={"Accept": "text/turtle"}).data, RdfFormat.TURTLE)}
    for document in ({"@context": answer.json["@context"], **made}, client.get(path, headers={"Accept": "application/ld+json"}).json):
        quads = jsonld.to_rdf(document, {"format": "application/n-quads"})
        assert {str(quad.triple) for quad in parse(quads, RdfFormat.N_QUADS)} == turtle
    link = client.get(path).headers.getlist("Link")
    assert any("context.jsonld" in each and "http://www.w3.org/ns/json-ld#context" in each for each in link)


def test_json_ld_that_names_the_hubs_context_needs_no_fetch(client: FlaskClient) -> None:
    body = {
        "@context": "http://hub.test/context.jsonld",
        "type": EX + "Toy",
        "title": {"en": "Car"},
        "price": 2.5,
        "wheels": [{"type": EX + "Wheel", "size": 1.5}],
    }
    made = client.post("/api/toys", data=json.dumps(body), content_type="application/ld+json")
    assert made.status_code == 201, made.text
    assert made.json["title"] == {"en": "Car"} and made.json["price"] == 2.5 and made.json["wheels"][0]["size"] == 1.5


def test_statements_of_ones_own_are_the_same_in_every_type(client: FlaskClient) -> None:
    turtle = f"""@prefix ex: <{EX}> . <> a ex:Toy ; <http://purl.org/dc/terms/title> "x" ;
      ex:own [ ex:in [ ex:n 1, 2 ; a ex:Deep ] ; ex:list ( 1 [ ex:n 3 ] ) ] ; <http://purl.org/dc/terms/license> [ ex:name "mine"@en ] ."""
    made = client.post("/api/toys", data=turtle, content_type="text/turtle")
    assert made.status_code == 201, made.text
    path = f"/api/toys/{made.json['id']}"
    graphs = []
    for media_type, kind in (
        ("text/turtle", RdfFormat.TURTLE),
        ("application/ld+json", RdfFormat.JSON_LD),
        ("application/rdf+xml", RdfFormat.RDF_XML),
    ):
        graphs.append({str(quad.triple) for quad in parse(client.get(path, headers={"Accept": media_type}).data, kind)})
    assert graphs[0] == graphs[1] == graphs[2] and len(graphs[0]) > 15
    assert client.put(path, json=made.json, headers={"If-Match": "*"}).json["revision"] == 1, "what GET gave can be sent back"
    listed = client.get("/api/toys", headers={"Accept": "text/turtle"}).data
    assert {str(quad.triple) for quad in parse(listed, RdfFormat.TURTLE)} == graphs[0]


def test_openapi_describes_what_there_is(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    validate(document)
    described = {(path, method) for path, methods in document["paths"].items() for method in methods if method != "parameters"}
    rules = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    stored = {(f"/queries/{each.name}", "get") for each in client.application.extensions["hub"].reports.all()}
    assert stored and described == rules | stored
    operation = document["paths"]["/api/toys/{id}"]["put"]
    assert {"200", "412", "422", "428"} <= set(operation["responses"]) or "default" in operation["responses"]


@pytest.mark.parametrize("name", ["../start.js", "..%2Fstart.js", "nothing.js", "", "%00"])
def test_documentation_serves_its_own_files_alone(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code in (404, 308, 200) and "def " not in client.get(f"/docs/{name}", follow_redirects=True).text[:2000]


def test_views_name_what_exists(client: FlaskClient, hub: Hub) -> None:
    path = f"/api/toys/{toy(client)['id']}"
    for each in client.get(f"{path}/views").json["items"]:
        for media_type in each["media_types"]:
            answer = client.get(each["url"].removeprefix("http://hub.test"), headers={"Accept": media_type})
            assert answer.status_code == 200 and answer.content_type == media_type
    assert client.get(f"{path}?view=nothing").status_code == 404
    assert client.get(f"{path}/views/prov", headers={"Accept": "image/png"}).status_code == 406
    assert client.get(f"/api/toys/{ID}/views").status_code == client.get(f"/api/toys/{ID}/views/prov").status_code == 404
    assert set(hub.views.all) >= {"prov"}
