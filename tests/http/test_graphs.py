"""The Graph Store Protocol: graphs by address and by parameter, free ones and those of things, in every method."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask.testing import FlaskClient
from pyoxigraph import NamedNode, RdfFormat, parse
from werkzeug.test import TestResponse

from server.hub import Hub
from server.services import checks
from tests.support.proofs import wrong_with

TTL = "text/turtle"
NOTE = "http://notes.example/one"
BASE = "http://hub.test/"
LINKED = '@prefix ex: <http://ex.org/> . <> ex:about [ ex:name "x" ; ex:of [ ex:n 1 ] ] . ex:s ex:p 01.0 .'


def lines(answer: TestResponse) -> set[str]:
    """Read Turtle, with blank nodes named alike."""
    assert answer.status_code == 200, answer.text
    return {str(quad.triple) for quad in parse(answer.data, RdfFormat.TURTLE, base_iri=NOTE)}


def graph(client: FlaskClient, method: str, name: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
    return client.open(f"/graphs?graph={quote(name, safe='')}", method=method, headers=headers, **more)


def test_a_free_graph_lives_like_a_thing(client: FlaskClient, curator: dict[str, str], hub: Hub) -> None:
    made = graph(client, "PUT", NOTE, curator | {"X-Reason": "first"}, data=LINKED, content_type=TTL)
    assert (made.status_code, made.headers["ETag"], made.headers["Location"]) == (201, '"1-ttl"', NOTE)
    read = graph(client, "GET", NOTE)
    assert len(lines(read)) == 5 and f"<{NOTE}> <http://ex.org/about> _:" in "".join(lines(read)) and "genid" not in read.text
    assert (read.headers["ETag"], read.content_type) == ('"1-ttl"', "text/turtle; charset=utf-8")
    assert graph(client, "GET", NOTE, {"If-None-Match": '"1-ttl"'}).status_code == 304
    head = graph(client, "HEAD", NOTE, {"Accept": "text/turtle; charset=utf-8"})
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(read.data)))
    again = graph(client, "PUT", NOTE, curator, data=read.data, content_type=TTL)
    assert (again.status_code, again.headers["ETag"]) == (204, '"1-ttl"'), "equal content makes no revision"
    for media_type in ("application/n-triples", "application/ld+json", "application/rdf+xml"):
        answer = graph(client, "GET", NOTE, {"Accept": media_type})
        assert answer.mimetype == media_type
        back = graph(client, "PUT", NOTE, curator, data=answer.data, content_type=media_type)
        assert (back.status_code, back.headers.get("ETag")) == (204, '"1-ttl"'), f"{media_type}: {back.text}"
    assert graph(client, "GET", NOTE, {"Accept": "application/trig"}).text.count(f"<{NOTE}>") >= 2
    merged = graph(client, "POST", NOTE, curator | {"If-Match": '"1-nt"'}, data="<http://ex.org/s> <http://ex.org/q> [] .", content_type=TTL)
    assert (merged.status_code, merged.headers["ETag"]) == (204, '"2-ttl"')
    assert graph(client, "POST", NOTE, curator | {"If-Match": '"1-ttl"'}, data="", content_type=TTL).status_code == 412
    update = "DELETE { ?s ?p ?o } INSERT { <> <http://ex.org/p> 2 } WHERE { ?s ?p ?o }"
    assert graph(client, "PATCH", NOTE, curator, data=update, content_type="application/sparql-update").headers["ETag"] == '"3-ttl"'
    assert lines(graph(client, "GET", NOTE)) == {f'<{NOTE}> <http://ex.org/p> "2"^^<http://www.w3.org/2001/XMLSchema#integer>'}
    assert graph(client, "DELETE", NOTE, curator | {"If-Match": '"2-ttl"'}).status_code == 412
    assert [graph(client, "DELETE", NOTE, curator).status_code for _ in range(2)] == [204, 404]
    assert graph(client, "GET", NOTE).status_code == graph(client, "HEAD", NOTE).status_code == 404
    past = f"/api/graphs/{hub.tools.names.free_id(NamedNode(NOTE))}"
    items = client.get(f"{past}/history").json["items"]
    assert [(each["action"], each["revision"]) for each in items] == [("delete", 4), ("update", 3), ("update", 2), ("create", 1)]
    assert items[-1]["reason"] == "first" and items[0]["by"].startswith(f"{BASE}id/people/")
    assert len(lines(client.get(f"{past}/revisions/1"))) == 5 and client.get(f"{past}/revisions/4").status_code == 410
    assert client.get(f"{past}/diff?from=2&to=3").json["added"] == [f'<{NOTE}> <http://ex.org/p> "2"^^<http://www.w3.org/2001/XMLSchema#integer> .']
    assert "D <" in client.get(f"{past}/diff", headers={"Accept": "application/rdf-patch"}).text
    back = client.post(f"{past}/restore?revision=1", headers=curator)
    assert (back.status_code, back.headers["ETag"], len(lines(graph(client, "GET", NOTE)))) == (204, '"5-ttl"', 5)
    assert client.delete(f"/graphs?graph={NOTE}", headers=curator).status_code == client.post(f"{past}/restore", headers=curator).status_code == 204
    assert client.get(f"/api/graphs/{'0' * 64}/history").status_code == client.get("/api/graphs/x/history").status_code == 404
    hub.indexing.settle()
    assert wrong_with(hub, checks.heads(hub.tools)) == []


def test_every_way_of_naming_a_graph(client: FlaskClient, curator: dict[str, str]) -> None:
    text = "<http://ex.org/s> <http://ex.org/p> 1 ."
    put = client.put("/graphs/team%20a/notes.ttl", data=text, headers=curator, content_type=TTL)
    assert put.headers["Location"] == f"{BASE}graphs/team%20a/notes.ttl"
    assert lines(graph(client, "GET", f"{BASE}graphs/team%20a/notes.ttl")) == lines(client.get("/graphs/team%20a/notes.ttl"))
    assert client.post("/graphs/team%20a/notes.ttl", data=text.replace("1", "2"), headers=curator, content_type=TTL).status_code == 204
    patched = client.patch("/graphs/team%20a/notes.ttl", data="DELETE WHERE { ?s ?p 2 }", headers=curator, content_type="application/sparql-update")
    assert patched.status_code == 204 and len(lines(client.get("/graphs/team%20a/notes.ttl"))) == 1
    assert client.put("/graphs?default", data=text, headers=curator, content_type=TTL).status_code == 201
    assert lines(client.get("/graphs?default")) == lines(client.get("/graphs/default"))
    new = client.post("/graphs", data=text, headers=curator, content_type=TTL)
    assert new.status_code == 201 and lines(client.get(new.headers["Location"].removeprefix("http://hub.test"))) == lines(
        client.get("/graphs?default")
    )
    assert graph(client, "PUT", NOTE, curator | {"If-None-Match": "*"}, data=text, content_type=TTL).status_code == 201
    assert graph(client, "PUT", NOTE, curator | {"If-None-Match": "*"}, data=text, content_type=TTL).status_code == 412
    page = client.get("/graphs?limit=3")
    following = page.json["next"]
    assert f'<{following}>; rel="next"' == page.headers["Link"] and len(page.json["items"]) == 3
    items = page.json["items"] + client.get(following.removeprefix("http://hub.test")).json["items"]
    assert [each["graph"] for each in items] == sorted(
        [NOTE, *(f"{BASE}graphs/{each}" for each in ("default", "team%20a/notes.ttl")), new.headers["Location"]]
    )
    assert len(lines(client.get(items[0]["url"].removeprefix("http://hub.test")))) == 1 and items[0]["revision"] == 1
    assert client.delete("/graphs/team%20a/notes.ttl", headers=curator).status_code == 204
    part = '--b\r\nContent-Disposition: form-data; name="x"%s\r\nContent-Type: text/turtle\r\n\r\n%s\r\n'
    form = part % ("", text.replace("1", "3")) + part % ('; filename="y.ttl"', text.replace("1", "4")) + "--b--\r\n"
    for body in (form, form.replace("\n", "\r\n")):
        assert graph(client, "PUT", NOTE, curator, data=body, content_type="multipart/form-data; boundary=b").status_code == 204
        assert len(lines(graph(client, "GET", NOTE))) == 2


REFUSED: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "no graph": ("PUT", "/graphs", {"data": "", "content_type": TTL}, 400, "Name one graph"),
    "both": ("PUT", "/graphs?default&graph=http://x.example/", {"data": "", "content_type": TTL}, 400, "Name one graph"),
    "two": ("GET", "/graphs?graph=http://x.example/&graph=http://y.example/", {}, 400, "Name one graph"),
    "relative": ("GET", "/graphs?graph=notes", {}, 400, "no absolute IRI"),
    "unknown parameter": ("GET", "/graphs?grahp=http://x.example/", {}, 400, "Did you mean graph"),
    "dots": ("PUT", "/graphs?graph=http://x.example/a/../b", {"data": "", "content_type": TTL}, 400, "path segment"),
    "history": ("GET", f"/graphs?graph={BASE}api/toys/{'1' * 64}/history", {}, 403, "keeps"),
    "change log": ("PUT", f"/graphs?graph={BASE}api/changes", {"data": "", "content_type": TTL}, 403, "keeps"),
    "not there": ("GET", "/graphs?graph=http://x.example/", {}, 404, "no graph"),
    "not there to patch": ("PATCH", "/graphs/x", {"data": "", "content_type": "application/sparql-update"}, 404, "PUT makes one"),
    "no type": ("PUT", "/graphs/x", {"data": "<a:a> <a:b> 1 ."}, 415, "without a type"),
    "wrong type": ("POST", "/graphs/x", {"data": "{}", "content_type": "application/json"}, 415, "application/json"),
    "patch of no update": ("PATCH", "/graphs/x", {"data": "{}", "content_type": "application/json"}, 415, "sparql-update"),
    "part of no RDF": ("PUT", "/graphs/x", {"data": {"x": "y"}, "content_type": "multipart/form-data"}, 415, "without a type"),
    "no parts": ("PUT", "/graphs/x", {"data": b"--b--\r\n", "content_type": "multipart/form-data; boundary=b"}, 400, "no parts"),
    "broken form": ("PUT", "/graphs/x", {"data": b"nothing", "content_type": "multipart/form-data; boundary=b"}, 400, "form"),
    "form without boundary": ("PUT", "/graphs/x", {"data": b"nothing", "content_type": "multipart/form-data"}, 400, "form"),
    "no turtle": ("PUT", "/graphs/x", {"data": "<a:a> <a:b>", "content_type": TTL}, 400, "cannot be read"),
    "no answer type": ("GET", "/graphs?default", {"headers": {"Accept": "image/png"}}, 406, "text/turtle"),
    "weak tag": ("DELETE", "/graphs/x", {"headers": {"If-Match": 'W/"1"'}}, 412, "strongly"),
    "not there to match": ("DELETE", "/graphs/x", {"headers": {"If-Match": "*"}}, 412, "no such graph"),
    "none match": ("PUT", "/graphs/x", {"data": "", "content_type": TTL, "headers": {"If-None-Match": '"1"'}}, 400, "If-None-Match"),
    "not conforming": ("PUT", "/graphs/x", {"data": "<a:a> a <http://toys.example/ns#Toy> .", "content_type": TTL}, 422, "A toy has a title"),
    "hub's own words": ("PUT", "/graphs/x", {"data": "<a:a> <https://w3id.org/cords-hub/ns#head> 1 .", "content_type": TTL}, 422, "by the hub alone"),
    "remote context": (
        "PUT",
        "/graphs/x",
        {"data": '{"@context": "http://127.0.0.1:1/"}', "content_type": "application/ld+json"},
        400,
        "not fetched",
    ),
    "triple term": ("PUT", "/graphs/x", {"data": "<a:a> <a:b> <<( <a:a> <a:b> <a:c> )>> .", "content_type": TTL}, 400, "Triple terms"),
}


def test_what_is_wrong_is_refused(client: FlaskClient, curator: dict[str, str], hub: Hub) -> None:
    last = hub.tools.history.last()
    for name, (method, path, options, status, words) in REFUSED.items():
        answer = client.open(path, method=method, **{**options, "headers": curator | options.get("headers", {})})
        assert answer.status_code == status and words in answer.text, f"{name}: {answer.status_code} {answer.text}"
        assert method == "HEAD" or answer.mimetype == "application/problem+json", name
    assert hub.tools.history.last() == last
    many = " . ".join(f"<a:a> <a:b> {number}" for number in range(100_001)) + " ."
    assert "/bulk" in client.put("/graphs/x", data=many, headers=curator, content_type=TTL).json["detail"]
    assert client.put("/graphs/x", data="<a:a> <a:b> 1 .", content_type=TTL).status_code == 401, "a contributor writes no free graph"
    assert client.put("/graphs/x", data="", headers=curator, content_type=TTL).status_code == 204, "nothing is no graph"
    assert hub.tools.history.last() == last


def test_a_things_graph_is_its_document(client: FlaskClient, curator: dict[str, str], hub: Hub) -> None:
    made = client.post("/api/toys", json={"title": "Car", "wheels": [{"size": 1.5}]})
    name, path = made.headers["Location"], made.headers["Location"].removeprefix("http://hub.test")
    rest, read = client.get(path, headers={"Accept": TTL}), graph(client, "GET", name, {"Accept": TTL})
    assert read.data == rest.data and read.headers["ETag"] == rest.headers["ETag"] == '"1-ttl"' and read.headers["Link"] == rest.headers["Link"]
    assert graph(client, "GET", name, {"If-None-Match": '"1-ttl"', "Accept": TTL}).status_code == 304
    assert graph(client, "PUT", name, data=read.data, content_type=TTL).headers["ETag"] == '"1-ttl"', "by nobody, as it is nobody's"
    changed = read.text.replace('"Car"', '"Cart"')
    assert graph(client, "PUT", name, {"If-Match": '"7-ttl"'}, data=changed, content_type=TTL).status_code == 412
    assert graph(client, "PUT", name, {"If-Match": '"1-json"'}, data=changed, content_type=TTL).headers["ETag"] == '"2-ttl"'
    assert client.get(path).json["title"] == "Cart" and client.get("/api/toys?q=cart").json["total"] == 1
    bad = graph(client, "PUT", name, data="<> a <http://toys.example/ns#Toy> .", content_type=TTL)
    assert bad.status_code == 422 and bad.json["errors"][0]["pointer"] == "/title" and bad.json["report"]
    assert graph(client, "POST", name, data='<> <http://purl.org/dc/terms/description> "d" .', content_type=TTL).status_code == 204
    patch = "DELETE WHERE { <> <http://purl.org/dc/terms/description> ?d }"
    assert graph(client, "PATCH", name, data=patch, content_type="application/sparql-update").headers["ETag"] == '"4-ttl"'
    assert client.get(path).json["wheels"][0]["size"] == 1.5 and "description" not in client.get(path).json
    fresh = f"{BASE}api/toys/{'f' * 64}"
    assert (
        graph(client, "PUT", fresh, data='<> a <http://toys.example/ns#Toy> ; <http://purl.org/dc/terms/title> "F" .', content_type=TTL).status_code
        == 201
    )
    owned = client.post("/api/toys", json={"title": "Owned", "goes_with": [client.get(path).json["iri"]]}, headers=curator).headers["Location"]
    assert graph(client, "DELETE", owned).status_code == 403 and graph(client, "PUT", owned, data=changed, content_type=TTL).status_code in (400, 403)
    assert graph(client, "DELETE", name).status_code == 409 and client.delete(f"/graphs?graph={quote(name)}&force=true").status_code == 401
    assert graph(client, "DELETE", owned, curator).status_code == graph(client, "DELETE", name).status_code == 204
    assert graph(client, "GET", name).status_code == client.get(path).status_code == 410
    hub.indexing.settle()
    assert wrong_with(hub, checks.heads(hub.tools)) == []
