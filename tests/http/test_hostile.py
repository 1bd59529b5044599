"""Text that means something to SPARQL, JSON, HTML or a shell, in every place that takes text: it comes back as it was, or is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, Triple, serialize

from server.graph.rdf import read, write
from server.graph.vocabulary import DCT, RDF
from server.hub import Hub
from tests.support.documents import HOSTILE, IRIS

EX = "http://toys.example/ns#"
ID = "a" * 64
TEXTS = [each for each in HOSTILE if each.strip()]
LONG = "$log ?n } ; DROP ALL ; { \\u0022 \"'" * 30_000
QUERY = 'x" . } } ; DROP ALL ; INSERT DATA { <urn:x:a> <urn:x:b> "'
ALL = "".join(HOSTILE)


def whole(hub: Hub, things: int) -> None:
    """Assert that nothing but these things is in the store, and that the log is gapless."""
    last = hub.tools.history.last()
    assert [each.sequence for each in hub.tools.history.changes(1, last + 3)] == list(range(1, last + 1))
    heads = hub.kg.select("SELECT ?h WHERE { GRAPH ?h { ?h <https://w3id.org/cords-hub/ns#head> ?r } }")
    assert len(heads) == things and not hub.kg.ask("ASK { GRAPH ?g { <urn:x:a> ?p ?o } }")


def members(text: str) -> dict[str, Any]:
    """Put a text into everything of a toy that takes text."""
    return {
        "title": {"en": text, "de": text, "@none": text},
        "description": text,
        "keywords": [text, text + "2"],
        "serial": text,
        "wheels": [{"size": 1.0, "material": text}],
        EX + "own": [text, {"@value": text, "@language": "en"}, {"@value": text, "@type": EX + "text"}],
    }


def plain(toy: dict[str, Any]) -> dict[str, Any]:
    """Bring what was read back into the form in which it was sent."""
    wheel = toy["wheels"][0]
    own = [each["@value"] for each in toy[EX + "own"]]
    assert len(own) == 3 and set(own) == {toy["serial"]}
    return {**{key: toy[key] for key in ("title", "description", "serial")}, "keywords": set(toy["keywords"]), "material": wheel["material"]["label"]}


def sent(text: str) -> dict[str, Any]:
    return {"title": {"en": text, "de": text, "@none": text}, "description": text, "serial": text, "keywords": {text, text + "2"}, "material": text}


def test_every_member_gives_back_what_it_took(client: FlaskClient, hub: Hub) -> None:
    for text in TEXTS:
        made = client.post("/api/toys", json=members(text))
        assert made.status_code == 201, (text, made.text)
        path = f"/api/toys/{made.json['id']}"
        assert plain(made.json) == plain(client.get(path).json) == sent(text)
        again = client.put(path, json=made.json, headers={"If-Match": '"1"'})
        assert again.status_code == 200 and again.json["revision"] == 1, text
        given = {"query_string": {"reason": text}, "headers": {"If-Match": '"1"'}}
        if "\n" not in text:
            given = {"headers": {"If-Match": '"1"', "X-Reason": text.encode().decode("latin-1")}}
        changed = client.patch(path, json={"description": text + "!", "serial": None}, **given)
        assert changed.status_code == 200 and changed.json["description"] == text + "!", (text, changed.text)
        assert client.get(f"{path}/history").json["items"][0]["reason"] == text
        assert plain(client.get(f"{path}/revisions/1").json) == sent(text)
    whole(hub, len(TEXTS))
    assert client.get("/api/toys").json["total"] == len(TEXTS)


@pytest.mark.parametrize("media_type", ["text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json"])
def test_every_syntax_carries_it(client: FlaskClient, hub: Hub, media_type: str) -> None:
    thing = NamedNode(f"http://hub.test/id/toys/{ID}")
    triples = {Triple(thing, RDF.type, NamedNode(EX + "Toy")), Triple(thing, DCT.title, Literal(ALL[:300]))}
    triples |= {
        Triple(thing, NamedNode(f"{EX}own{place}"), Literal(text, language=None if place % 2 else "en")) for place, text in enumerate(HOSTILE)
    }
    triples |= {Triple(thing, NamedNode(EX + "link"), NamedNode(iri)) for iri in IRIS}
    made = client.post("/api/toys", data=write(triples, media_type), content_type=media_type)
    assert made.status_code == 201, made.text
    found = client.get(f"/api/toys/{ID}", headers={"Accept": media_type})
    assert triples < set(read(found.data, media_type, "http://hub.test/", hub.tools.context, hub.tools.context_iri))
    whole(hub, 1)


def test_a_megabyte_of_it_is_kept_or_refused(client: FlaskClient, hub: Hub) -> None:
    made = client.post("/api/toys", json={"title": "x", EX + "own": LONG, "description": LONG})
    assert (
        made.status_code == 201
        and made.json["description"] == LONG
        and made.json[EX + "own"] == [{"@value": LONG, "@type": "http://www.w3.org/2001/XMLSchema#string"}]
    )
    for member in ("title", "serial"):
        answer = client.post("/api/toys", json={"title": "x", member: LONG})
        assert answer.status_code in (201, 422), answer.text[:200]
    assert client.post("/api/toys", json={"title": "x", LONG: 1}).status_code == 400
    for path in (f"/api/toys?q={quote(LONG[:60_000])}", f"/api/toys?keywords={quote(LONG[:60_000])}", f"/api/toys/{quote(LONG[:20_000], safe='')}"):
        assert client.get(path).status_code in (200, 400, 404)
    assert client.get("/api/toys", query_string={"reason": LONG[:60_000]}).status_code == 400
    assert client.patch(f"/api/toys/{made.json['id']}?reason={quote(LONG[:1001])}", json={}, headers={"If-Match": "*"}).status_code == 400
    whole(hub, 2)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\ufffe"])
def test_characters_that_some_syntax_lacks_are_refused_everywhere(client: FlaskClient, hub: Hub, character: str) -> None:
    text = f"a{character}b"
    places: list[dict[str, Any]] = [
        {"title": text},
        {"title": {"en": text}},
        {"keywords": [text]},
        {"serial": text},
        {"state": text},
        {EX + "own": text},
        {"wheels": [{"size": 1, "material": text}]},
        {"license": text},
        {"license": f"http://x.example/{text}"},
        {"goes_with": [text]},
        {"type": [text]},
        {"id": text},
        {text: 1},
    ]
    bodies = [{"title": "x", **place} for place in places]
    for body in bodies:
        answer = client.post("/api/toys", json=body)
        assert answer.status_code in (400, 422), (body, answer.text)
    escaped = f"\\u{ord(character):04X}"
    turtle = f'<> a <{EX}Toy> ; <http://purl.org/dc/terms/title> "a{escaped}b" .'
    assert client.post("/api/toys", data=turtle, content_type="text/turtle").status_code == 422
    assert client.post("/api/toys?reason=" + quote(text), json={"title": "x"}).status_code == 400
    assert client.get("/api/toys", query_string={"q": text}).status_code == 200
    assert client.get("/api/toys", query_string={"serial": text}).status_code == 400
    assert client.get(f"/api/toys/{quote(text)}").status_code == 404
    whole(hub, 0)


@pytest.mark.parametrize(
    "iri",
    [
        "http://x.example/a b",
        'http://x.example/"',
        "http://x.example/>",
        "http://x.example/{}",
        "http://x.example/\\u0022",
        "<>",
        "",
        "x",
        "//x",
        ":",
    ],
)
def test_what_is_no_iri_is_refused_in_every_place(client: FlaskClient, hub: Hub, iri: str) -> None:
    for body in ({"goes_with": [iri]}, {"maintainers": [iri]}, {"type": [iri]}, {EX + "own": {"@id": iri}}, {"iri": iri}, {iri + ":x y": 1}):
        answer = client.post("/api/toys", json={"title": "x", **body})
        assert answer.status_code in (400, 422), (body, answer.text)
    document = {"@id": f"http://hub.test/id/toys/{ID}", "@type": EX + "Toy", "http://purl.org/dc/terms/title": "x", EX + "own": {"@id": iri}}
    if (iri and " " in iri) or "<" in iri or ">" in iri:
        answer = client.post("/api/toys", data=json.dumps(document), content_type="application/ld+json")
        assert answer.status_code == 400, answer.text


def test_no_parameter_header_or_path_changes_a_query(client: FlaskClient, hub: Hub) -> None:
    made = client.post("/api/toys", json={"title": "x", "keywords": ["k"]}).json
    for text in (QUERY, *HOSTILE[:14], ALL, "\x00", "*", "../../etc/passwd", "%2e%2e", "а" * 5000):
        said_everywhere(client, made, text)
    whole(hub, 1)


def said_everywhere(client: FlaskClient, made: dict[str, Any], text: str) -> None:
    """Say a text as the name or value of every parameter, in every header, and in every path."""
    path = f"/api/toys/{made['id']}"
    for name in (
        "q",
        "keywords",
        "state",
        "license",
        "creator",
        "sort",
        "cursor",
        "facets",
        "fields",
        "limit",
        "price",
        "created.gte",
        "wheels.material",
        "view",
        text[:100],
    ):
        assert client.get("/api/toys", query_string={name: text}).status_code in (200, 400, 404), name
    for name in ("since", "limit", "from", "to", "revision", "dry-run", "force", "kind", "query", "timeout", "format", "default-graph-uri"):
        for each in ("/api/changes", f"{path}/diff", "/api/validate", "/sparql"):
            assert client.get(each, query_string={name: text}).status_code in (200, 400, 405, 406), (each, name)
    for each in (
        "/api/toys/{}",
        "/api/toys/{}/history",
        "/api/toys/{}/views",
        "/api/{}",
        f"{path}/views/{{}}",
        f"{path}/revisions/{{}}",
        "/errors/{}",
        "/docs/{}",
    ):
        assert client.get(each.format(quote(text, safe=""))).status_code in (200, 308, 400, 404), each
    header = "".join(character for character in text if character not in "\r\n\x00").encode().decode("latin-1")
    for name in (
        "If-Match",
        "If-None-Match",
        "Accept",
        "Authorization",
        "X-Request-Id",
        "Origin",
        "Content-Type",
        "Last-Event-ID",
        "X-Forwarded-For",
    ):
        answer = client.patch(path, json={}, headers={"If-Match": "*", name: header})
        assert answer.status_code in (200, 400, 401, 406, 412, 415), (name, answer.text)
    assert client.get(path).json == made


def test_a_stream_of_quads_carries_it(client: FlaskClient, hub: Hub) -> None:
    quads = []
    for place, text in enumerate(TEXTS):
        thing, graph = NamedNode(f"http://hub.test/id/toys/{place:064x}"), NamedNode(f"http://g.example/{place}")
        quads += [Quad(thing, RDF.type, NamedNode(EX + "Toy"), graph), Quad(thing, DCT.title, Literal(text), graph)]
    content = serialize(quads, format=RdfFormat.N_QUADS) or b""
    answer = client.post("/api/toys/bulk", data=content, content_type="application/n-quads")
    assert [json.loads(line)["status"] for line in answer.text.split("\n") if line] == [201] * len(TEXTS)
    assert [client.get(f"/api/toys/{place:064x}").json["title"] for place in range(len(TEXTS))] == TEXTS
    whole(hub, len(TEXTS))


def test_pages_show_it_as_text(client: FlaskClient) -> None:
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    made = client.post("/api/toys", json={**members(attack), "license": "http://x.example/'onclick=alert(1)"}).json
    page = client.get(f"/api/toys/{made['id']}", headers={"Accept": "text/html"}).text
    assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;" in page
    table = client.get("/api/toys", headers={"Accept": "text/csv"}).text
    assert attack.replace('"', '""') in table
