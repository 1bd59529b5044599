"""The whole life of a thing of a kind that no Python knows, over HTTP, on both stores."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from pyoxigraph import RdfFormat, parse

from server.hub import Hub
from tests.support.toys import CAR

TURTLE = "text/turtle"
EX = "http://toys.example/ns#"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


def create(client: FlaskClient, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post("/api/toys", json=body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json
    return created


def test_a_thing_is_created_read_changed_deleted_and_brought_back(client: FlaskClient) -> None:
    created = client.post("/api/toys", json=CAR, headers={"X-Reason": "first"})
    assert created.status_code == 201
    car = created.json
    assert car["title"] == CAR["title"] and car["price"] == 9.5 and car["state"] == "new" and car["revision"] == 1
    assert car["license"] == "http://spdx.org/licenses/CC0-1.0" and car["bought"] == "2026-01-31T10:00:00.5Z"
    assert created.headers["Location"] == f"http://hub.test/api/toys/{car['id']}"
    path = f"/api/toys/{car['id']}"

    assert client.get(path).json == car
    same = client.put(path, json=car, headers={"If-Match": created.headers["ETag"]})
    assert same.status_code == 200 and same.json["revision"] == 1, "what GET gave can be sent back and makes no revision"

    patched = client.patch(path, json={"price": 8, "keywords": None}, headers={"If-Match": '"1-ttl"', "X-Reason": "sale"})
    assert patched.status_code == 200 and patched.json["price"] == 8.0 and "keywords" not in patched.json and patched.headers["ETag"] == '"2-json"'

    assert client.delete(path).status_code == 204
    gone = client.get(path)
    assert gone.status_code == 410 and gone.json["tombstone"]["revision"] == 3
    assert client.get("/api/toys").json["total"] == 0

    back = client.post(f"{path}/restore")
    assert back.status_code == 200 and back.json["revision"] == 4 and back.json["price"] == 8.0
    first = client.post(f"{path}/restore?revision=1").json
    assert first["revision"] == 5 and first["price"] == 9.5

    history = client.get(f"{path}/history").json["items"]
    assert [entry["revision"] for entry in history] == [5, 4, 3, 2, 1]
    assert [entry["reason"] for entry in history][3:] == ["sale", "first"]
    assert client.get(f"{path}/revisions/2").json["price"] == 8.0
    assert client.get(f"{path}/revisions/3").status_code == 410


@pytest.mark.parametrize("media_type", ["application/json", "application/ld+json", TURTLE, "application/n-triples", "application/rdf+xml"])
def test_every_format_goes_in_and_comes_out_as_the_same_graph(client: FlaskClient, media_type: str) -> None:
    car = create(client, CAR)
    document = client.get(f"/api/toys/{car['id']}", headers={"Accept": media_type})
    assert document.content_type == media_type and document.headers["Vary"]
    assert client.delete(f"/api/toys/{car['id']}").status_code == 204
    content = document.data
    if media_type == "application/json":
        body = json.loads(content)
        content = json.dumps({key: value for key, value in body.items() if key not in ("created", "modified", "revision")}).encode()
    else:
        content = without_stamps(content, media_type)
    again = client.post("/api/toys", data=content, content_type=media_type)
    assert again.status_code == 201, again.text
    ignored = {"created", "modified", "revision"}
    assert {key: value for key, value in again.json.items() if key not in ignored} == {key: value for key, value in car.items() if key not in ignored}


def without_stamps(content: bytes, media_type: str) -> bytes:
    from server.graph.rdf import FORMATS, write

    triples = [quad.triple for quad in parse(content, FORMATS[media_type], base_iri="http://hub.test/")]
    return write([each for each in triples if each.predicate.value.rpartition("/")[2] not in ("created", "modified")], media_type)


def test_json_with_the_context_is_the_graph(client: FlaskClient) -> None:
    car = create(client, {**CAR, EX + "note": [{"@value": "mine"}, {"@id": "http://toys.example/x"}]})
    context = client.get("/context.jsonld").json["@context"]
    whole = json.dumps({"@context": context, **car})
    from_json = {quad.triple for quad in parse(whole, RdfFormat.JSON_LD)}
    turtle = client.get(f"/api/toys/{car['id']}", headers={"Accept": TURTLE}).data
    assert from_json == {quad.triple for quad in parse(turtle, RdfFormat.TURTLE)}


def test_lists_filter_sort_page_search_and_count(client: FlaskClient) -> None:
    for number in range(7):
        create(client, {"title": f"toy {number}", "price": float(number), "keywords": ["even" if number % 2 == 0 else "odd"], "fragile": number > 3})
    create(client, CAR)

    def titles(query: str) -> list[Any]:
        response = client.get(f"/api/toys?{query}")
        assert response.status_code == 200, response.text
        return [item["title"] for item in response.json["items"]]

    assert titles("keywords=odd&sort=title") == ["toy 1", "toy 3", "toy 5"]
    assert titles("keywords=odd&keywords=even&price.gte=4&sort=-price") == ["toy 6", "toy 5", "toy 4"]
    assert titles("price.lte=1&sort=price,title") == ["toy 0", "toy 1"]
    assert (
        titles("license=CC0-1.0") == [CAR["title"]]
        and titles("wheels.material=wood") == [CAR["title"]]
        and titles("wheels.size.gte=2") == [CAR["title"]]
    )
    assert titles("q=Auto") == [CAR["title"]] and titles("q=red fast") == [CAR["title"]] and titles("q=nothing") == []
    assert len(titles("license.exists=false")) == 7 and len(titles("fragile=true")) == 3

    facets = client.get("/api/toys?facets=keywords,fragile&limit=1").json["facets"]
    assert {each["value"]: each["count"] for each in facets["keywords"]} == {"even": 4, "odd": 3, "red": 1, "fast": 1}
    assert {each["value"]: each["count"] for each in facets["fragile"]} == {False: 5, True: 3}

    seen: list[Any] = []
    url = "/api/toys?sort=title&limit=3"
    while url:
        page = client.get(url)
        seen += [item["id"] for item in page.json["items"]]
        assert page.json["total"] == 8
        assert ("next" in page.json) == ('rel="next"' in page.headers.get("Link", ""))
        url = page.json.get("next", "").removeprefix("http://hub.test")
    assert len(seen) == len(set(seen)) == 8
    assert set(client.get("/api/toys?fields=title&limit=1").json["items"][0]) == {"id", "iri", "title"}


def test_lists_come_as_csv_turtle_and_json_ld(client: FlaskClient) -> None:
    create(client, {**CAR, "description": "=SUM(A1)"})
    csv = client.get("/api/toys", headers={"Accept": "text/csv"}).text
    assert csv.splitlines()[0].startswith("id,iri,type,revision,title") and "'=SUM(A1)" in csv
    turtle = client.get("/api/toys", headers={"Accept": TURTLE}).data
    json_ld = client.get("/api/toys", headers={"Accept": "application/ld+json"}).data
    assert {quad.triple for quad in parse(turtle, RdfFormat.TURTLE)} == {quad.triple for quad in parse(json_ld, RdfFormat.JSON_LD)}


def test_conflicts_are_refused_and_change_nothing(client: FlaskClient) -> None:
    car = create(client, CAR)
    path = f"/api/toys/{car['id']}"
    assert client.post("/api/toys", json={"title": "x", "id": car["id"]}).status_code == 409
    assert client.post("/api/toys", json={"title": "x", "serial": "A-1"}).status_code == 409
    assert client.put(path, json=CAR).status_code == 428
    assert client.put(path, json=CAR, headers={"If-Match": '"9-json"'}).status_code == 412
    assert client.put(path, json=CAR, headers={"If-Match": "nonsense"}).status_code == 400
    assert client.put(path, json=CAR, headers={"If-Match": 'W/"1-json"'}).status_code == 412
    assert client.put(path, json={**car, "created": "2020-01-01T00:00:00Z"}, headers={"If-Match": "*"}).status_code == 400
    assert client.put(path, json={**car, "revision": 7}, headers={"If-Match": "*"}).status_code == 400
    other = create(client, {"title": "trailer", "goes_with": [car["iri"]], "friends": [car["id"]]})
    in_use = client.delete(path)
    assert in_use.status_code == 409 and in_use.json["referrers"] == [f"http://hub.test/api/toys/{other['id']}"]
    assert client.delete(f"{path}?force=true").status_code == 401, "only curators force"
    assert client.get(path).json == car


def test_a_dry_run_judges_and_stores_nothing(client: FlaskClient) -> None:
    good = client.post("/api/toys?dry-run=true", json={"title": "x"})
    assert good.status_code == 200 and good.json == {
        "conforms": True,
        "warnings": [{"pointer": "/description", "message": "A description is recommended."}],
    }
    bad = client.post("/api/toys?dry-run=true", json={"price": -1})
    assert bad.status_code == 422 and {each["pointer"] for each in bad.json["errors"]} == {"/title", "/price"}
    car = create(client, CAR)
    put = client.put(f"/api/toys/{car['id']}?dry-run=true", json={"title": "other"}, headers={"If-Match": "*"})
    assert put.status_code == 200 and client.get(f"/api/toys/{car['id']}").json == car
    assert client.get("/api/changes").json["items"][-1]["sequence"] == 1


def test_a_graph_is_patched_by_sparql_update(client: FlaskClient) -> None:
    car = create(client, CAR)
    path, headers = f"/api/toys/{car['id']}", {"If-Match": "*"}
    update = f"DELETE {{ <> <{EX}price> ?p }} INSERT {{ <> <{EX}price> ?q }} WHERE {{ <> <{EX}price> ?p BIND(?p * 2 AS ?q) }}"
    changed = client.patch(path, data=update, content_type="application/sparql-update", headers=headers)
    assert changed.status_code == 200 and changed.json["price"] == 19.0
    for bad, status in (
        (f"DELETE WHERE {{ <> <{EX}price> ?p ", 400),
        (f'INSERT DATA {{ <> <{EX}price> "much" }}', 422),
        (f"INSERT DATA {{ GRAPH <http://x/> {{ <> <{EX}price> 1 }} }}", 400),
        (f"INSERT DATA {{ <http://other.example/> <{EX}price> 1 }}", 422),
        ("LOAD <http://127.0.0.1:9/>", 400),
        ("INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", 400),
        ("INSERT { <> <x:p> 1 } WHERE " + "{" * 30000 + "}" * 30000, 503),
    ):
        answer = client.patch(path, data=bad, content_type="application/sparql-update", headers=headers)
        assert answer.status_code == status, (bad[:80], answer.text)
    assert client.get(path).json == changed.json


def test_differences_come_as_patch_and_as_json(client: FlaskClient) -> None:
    car = create(client, CAR)
    path = f"/api/toys/{car['id']}"
    client.patch(path, json={"pieces": 13}, headers={"If-Match": "*"})
    patch = client.get(f"{path}/diff", headers={"Accept": "application/rdf-patch"})
    assert patch.content_type == "application/rdf-patch" and f"A <{car['iri']}> <{EX}pieces> " in patch.text and patch.text.startswith("TX .")
    both = client.get(f"{path}/diff?from=0&to=1").json
    assert both["removed"] == [] and len(both["added"]) == client.get(f"{path}/history").json["items"][-1]["added"]


def test_many_things_are_stored_from_a_stream_with_an_answer_for_each_line(client: FlaskClient) -> None:
    car = create(client, CAR)
    lines = [
        {"title": "one"}, {"titel": "two"}, {"title": "three", "goes_with": [car["id"]]}, {"title": "four", "goes_with": ["f" * 64]},
        {"title": "five", "serial": "A-1"}, {"price": 1}, {"title": "seven", "id": car["id"]}, {"title": "eight"},
    ]  # fmt: skip
    body = b"\n".join(json.dumps(line).encode() for line in lines) + b"\nnot json\n"
    answer = client.post("/api/toys/bulk", data=body, content_type="application/x-ndjson")
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["line"] for each in results] == list(range(1, 10))
    assert [each["status"] for each in results] == [201, 400, 201, 422, 409, 422, 409, 201, 400]
    assert results[3]["problem"]["errors"][0]["pointer"] == "/goes_with/0"
    assert client.get("/api/toys").json["total"] == 4
    changes = client.get("/api/changes").json["items"]
    assert [each["sequence"] for each in changes] == [1, 2, 3, 4], "gapless"
    said = ((RDF_TYPE, f"<{EX}Toy>"), ("http://purl.org/dc/terms/title", '"q"'))
    quads = "".join(f"<http://hub.test/id/toys/{c * 64}> <{path}> {value} <http://g.example/{c}> .\n" for c in "ab" for path, value in said)
    from_quads = client.post("/api/toys/bulk", data=quads, content_type="application/n-quads").text.splitlines()
    assert [json.loads(line)["status"] for line in from_quads] == [201, 201]


def test_the_change_log_is_gapless_and_pages(client: FlaskClient) -> None:
    cars = [create(client, {"title": str(number)}) for number in range(3)]
    client.delete(f"/api/toys/{cars[0]['id']}")
    page = client.get("/api/changes?since=1&limit=2").json
    assert [(each["sequence"], each["action"], each["id"]) for each in page["items"]] == [(2, "create", cars[1]["id"]), (3, "create", cars[2]["id"])]
    rest = client.get(f"/api/changes?since={page['next']}").json
    assert [each["action"] for each in rest["items"]] == ["delete"] and "next" not in rest
    stream = client.get("/api/changes?since=3", headers={"Accept": "text/event-stream"})
    events = iter(stream.response)
    head = b"".join(next(events) for _ in range(2))
    assert b"id: 4\nevent: change\n" in head
    stream.close()


def test_the_views_of_a_thing_are_listed_and_the_same_in_every_type(client: FlaskClient) -> None:
    car = create(client, CAR)
    path = f"/api/toys/{car['id']}"
    views = {view["name"]: view for view in client.get(f"{path}/views").json["items"]}
    assert "prov" in views
    graphs = [
        {quad.triple for quad in parse(client.get(f"{path}/views/prov", headers={"Accept": media}).data, kind)}
        for media, kind in ((TURTLE, RdfFormat.TURTLE), ("application/rdf+xml", RdfFormat.RDF_XML), ("application/ld+json", RdfFormat.JSON_LD))
    ]
    assert graphs[0] and graphs[0] == graphs[1] == graphs[2]
    assert client.get(f"{path}?view=prov", headers={"Accept": TURTLE}).status_code == 200
    missing = client.get(f"{path}/views/nonsense")
    assert missing.status_code == 404 and "prov" in missing.json["detail"]


def test_every_route_is_in_a_valid_openapi_document(client: FlaskClient, hub: Hub) -> None:
    document = client.get("/openapi.json").json
    validate(document)
    assert document["openapi"].startswith("3.1")
    rules = {rule.rule for rule in client.application.url_map.iter_rules()}
    stored = {f"/queries/{each.name}" for each in hub.reports.all()}
    assert stored <= document["paths"].keys() and len(document["paths"]) == len(rules) + len(stored)
    toys = document["paths"]["/api/toys"]
    assert {"get", "post"} <= set(toys) and "price.gte" in {each["name"] for each in toys["get"]["parameters"]}
    schema = document["components"]["schemas"]["ToyShape"]
    assert schema["required"] == ["title"] and schema["properties"]["wheels"]["items"]["properties"]["size"]["type"] == "number"


def test_pages_are_served_from_here(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert (
        page.status_code == 200
        and "http" not in page.text.replace("http-equiv", "")
        and "default-src 'self'" in page.headers["Content-Security-Policy"]
    )
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        with client.get(f"/docs/{name}") as file:
            assert file.status_code == 200 and file.data
    assert client.get("/docs/../operations.py").status_code == 404
    car = create(client, {"title": "<script>alert(1)</script>"})
    html = client.get(f"/api/toys/{car['id']}", headers={"Accept": "text/html"})
    assert html.content_type.startswith("text/html") and "<script>" not in html.text
    assert client.get(f"/api/toys/{car['id']}", headers={"Accept": "*/*"}).content_type == "application/json"


def test_conditional_reads_save_the_body(client: FlaskClient) -> None:
    car = create(client, CAR)
    path = f"/api/toys/{car['id']}"
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": tag, "Accept": TURTLE}).status_code == 200, "a tag is of one media type"
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406
    assert client.head(path).status_code == 200
