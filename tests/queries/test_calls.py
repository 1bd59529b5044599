"""Calls of stored queries over HTTP: types, pages, wrong values; and how curators keep, change and remove them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyoxigraph import QueryResultsFormat, RdfFormat, parse, parse_query_results

from server.services.checks import check_index, heads
from server.store.base import Store
from tests.queries.conftest import CURATOR
from tests.support.sites import ADA, Site, problem

RQ = "application/sparql-query"
RESULTS = "application/sparql-results+json"
KEYWORDS = """#+ summary: What has a keyword.
#+ description: Of any
#+   kind.
#+ tags: a, b
#+ paging: 2
#+ parameters:
#+   - name: word
#+     description: The keyword.
#+     many: true
#+     example: energy
PREFIX dcat: <http://www.w3.org/ns/dcat#>
SELECT DISTINCT ?thing ?word WHERE {
  VALUES ?word { $word } # not this $one
  ?thing dcat:keyword ?word . BIND("$two" AS ?two)
} ORDER BY ?thing ?word"""


@pytest.fixture
def keywords(site: Site) -> Iterator[Site]:
    """Keep a query until the test ends."""
    kept = put(site, "keywords", KEYWORDS, **{"If-Match": "*"})
    assert kept.status_code == 201 and kept.headers["Location"] == "http://hub.test/queries/keywords", kept.text
    yield site
    assert site.call("DELETE", "/queries/keywords", CURATOR).status_code in (204, 410)


def put(site: Site, name: str, text: str, who: str = CURATOR, **headers: str) -> Any:
    return site.call("PUT", f"/queries/{name}", who, data=text.encode(), headers={"Content-Type": RQ, **headers})


def get(site: Site, path: str, accept: str = "application/json") -> Any:
    return site.client.get(path, headers={"Accept": accept})


def test_rows_come_in_every_type_and_are_the_same(keywords: Site) -> None:
    path = "/queries/keywords?word=gpu&word=lung"
    plain = get(keywords, path).json["items"]
    assert [row["word"] for row in plain] == ["gpu", "lung"] and get(keywords, path).headers["Vary"].startswith("Accept")
    whole = get(keywords, f"{path}&limit=10")
    assert sorted(row["word"] for row in whole.json["items"]) == ["gpu", "lung", "lung"] and "next" not in whole.json and "Link" not in whole.headers
    for media, kind in ((RESULTS, QueryResultsFormat.JSON), ("application/sparql-results+xml", QueryResultsFormat.XML)):
        answer = get(keywords, path, media)
        assert answer.content_type == media and 'rel="next"' in answer.headers["Link"]
        assert [{name: row[name].value for name in ("thing", "word")} for row in parse_query_results(answer.data, kind)] == plain  # type: ignore[index,union-attr]
    assert get(keywords, path, "text/csv").text.splitlines() == ["thing,word", *(f"{row['thing']},{row['word']}" for row in plain)]
    assert get(keywords, path, "text/tab-separated-values").text.splitlines()[0] == "?thing\t?word"
    assert problem(406, get(keywords, path, "text/turtle"))["detail"].startswith("This comes as application/json")


def test_pages_lead_to_the_end(keywords: Site) -> None:
    seen, path = [], "/queries/keywords?word=energy&limit=3"
    while path:
        page = get(keywords, path)
        assert len(page.json["items"]) <= 3
        seen += [row["thing"] for row in page.json["items"]]
        assert ("next" in page.json) == ("Link" in page.headers)
        path = page.json.get("next", "").removeprefix("http://hub.test")
    assert len(seen) == len(set(seen)) > 6 and seen == sorted(seen)
    assert seen == [row["thing"] for row in get(keywords, "/queries/keywords?word=energy&limit=1000").json["items"]]


def test_values_are_bound_and_never_pasted(keywords: Site) -> None:
    for hostile in ('energy" } UNION { ?thing ?word ?x } #', "energy\\", "$two", "?thing", "énergie\n", 'a"^^<b:c>', "}"):
        answer = keywords.client.post("/queries/keywords", json={"word": hostile})
        assert answer.status_code == 200 and answer.json == {"items": []}, answer.text
    assert problem(400, keywords.client.post("/queries/keywords", json={"word": "a\0b"}))["errors"][0]["pointer"] == "?word"
    every = keywords.client.post("/queries/keywords", json={"limit": 1000}).json
    assert len(every["items"]) > 50  # type: ignore[index, arg-type]
    form = keywords.client.post("/queries/keywords?limit=1000", data={"word": ["gpu", "lung"]})
    assert len(form.json["items"]) == 3  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "pointer", "words"),
    [
        ("models-by-metric", "?metric", "is required"),
        ("models-by-metric?metric=a&min=low", "?min", "min takes a number"),
        ("models-by-metric?metric=a&min=1e999999", "?min", "min takes a number"),
        ("models-by-metric?metric=a&metric=b", "?metric", "at most 1 times"),
        ("models-by-metric?metric=a&best=middle", "?best", "high, low"),
        ("models-by-metric?metric=a&bst=low", "?bst", "known: metric, min, max, best"),
        ("models-by-metric?metric=a&limit=0", "?limit", "at least 1"),
        ("models-by-metric?metric=a&limit=1001", "?limit", "from 1 to 1000"),
        ("models-by-metric?metric=a&offset=-1", "?offset", "at least 0"),
        ("datasets-of-model?model=load%20forecaster", "?model", "the id or IRI of one of the models"),
        ("datasets-of-model?model=a:b%3Ec", "?model", "the id or IRI of one of the models"),
        ("offers-with-policies?published=yes", "?published", "true or false"),
    ],
)
def test_wrong_values_are_named(site: Site, path: str, pointer: str, words: str) -> None:
    refused = problem(400, get(site, f"/queries/{path}"))
    assert refused["errors"][0]["pointer"] == pointer and words in refused["detail"]


def test_bodies_that_are_none(site: Site) -> None:
    path = "/queries/models-by-algorithm"
    assert "no JSON" in problem(400, site.client.post(path, data="{", content_type="application/json"))["detail"]
    assert "JSON object" in problem(400, site.client.post(path, data="[]", content_type="application/json"))["detail"]
    problem(415, site.client.post(path, data="a", content_type="text/csv"))
    problem(404, site.client.post("/queries/no-such-query"))
    assert "models-by-metric" in problem(404, get(site, "/queries/No such query!"))["detail"]


def test_a_query_is_kept_changed_and_removed_with_its_history(keywords: Site) -> None:
    answer = get(keywords, "/queries/keywords", RQ)
    assert answer.text == KEYWORDS and answer.content_type.startswith(RQ)
    tag = answer.headers["ETag"]
    problem(428, put(keywords, "keywords", KEYWORDS))
    problem(412, put(keywords, "keywords", KEYWORDS, **{"If-Match": '"999-rq"'}))
    same = put(keywords, "keywords", KEYWORDS.replace("\n", "\r\n"), **{"If-Match": tag})
    assert (same.status_code, same.headers["ETag"]) == (200, tag)
    changed = put(keywords, "keywords", KEYWORDS.replace("paging: 2", "paging: 5"), **{"If-Match": tag, "X-Reason": "larger pages"})
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
    assert len(get(keywords, "/queries/keywords").json["items"]) == 5
    problem(412, put(keywords, "keywords", KEYWORDS, **{"If-Match": tag}))
    entries = get(keywords, "/queries/keywords/history").json["items"]
    last = entries[0]["revision"]
    assert [each["reason"] for each in entries[:2]] == ["larger pages", None] and entries[0]["by"].startswith("http://hub.test/id/people/")
    assert get(keywords, f"/queries/keywords/revisions/{last - 1}").text == KEYWORDS
    problem(412, keywords.call("DELETE", "/queries/keywords", CURATOR, headers={"If-Match": tag}))
    assert keywords.call("DELETE", "/queries/keywords", CURATOR).status_code == 204
    assert problem(410, get(keywords, "/queries/keywords"))["tombstone"]["revision"] == last + 1
    problem(404, get(keywords, f"/queries/keywords/revisions/{last + 1}"))
    assert "keywords" not in [each["name"] for each in get(keywords, "/queries").json["items"]]
    assert put(keywords, "keywords", KEYWORDS).status_code == 201
    log = get(keywords, "/api/changes?since=0&limit=1000").json["items"]
    assert [each["action"] for each in log if each["id"] == "keywords"][-4:] == ["create", "replace", "delete", "create"]


def test_what_is_kept_is_no_fault_of_the_index(keywords: Site) -> None:
    hub = keywords.app.extensions["hub"]
    found = heads(hub.tools)
    assert "keywords" in [each.id for each in found]
    assert [each for each in check_index(hub.index, found) if "keywords" in each] == []


def test_one_in_the_store_stands_before_the_file_of_its_name(site: Site) -> None:
    path, name = "/queries/models-by-algorithm", "models-by-algorithm"
    shipped = get(site, path, RQ)
    assert shipped.headers["ETag"] == '"0-rq"' and get(site, f"{path}/history").json == {"items": []}
    problem(428, put(site, name, KEYWORDS))
    assert put(site, name, KEYWORDS, **{"If-Match": '"0-rq"'}).status_code == 200
    assert len(get(site, f"{path}?word=gpu").json["items"]) == 1
    assert site.call("DELETE", path, CURATOR).status_code == 204
    assert get(site, path, RQ).text == shipped.text
    assert "HUB_QUERIES" in problem(409, site.call("DELETE", path, CURATOR))["detail"]
    problem(404, get(site, "/queries/nothing/history"))
    problem(404, get(site, "/queries/nothing/revisions/1"))


def test_only_curators_change_queries(site: Site) -> None:
    problem(403, put(site, "mine", KEYWORDS, ADA))
    problem(403, site.call("DELETE", "/queries/models-by-metric", ADA))
    assert site.client.put("/queries/mine", data=KEYWORDS, content_type=RQ).status_code == 401
    problem(415, site.call("PUT", "/queries/mine", CURATOR, data="x", headers={"Content-Type": "text/csv"}))
    problem(400, site.call("PUT", "/queries/mine", CURATOR, data=b"\xff", headers={"Content-Type": RQ}))
    problem(400, put(site, "Mine", KEYWORDS))
    problem(400, put(site, "mine", KEYWORDS + "#" * 100_000))
    problem(400, put(site, "mine", KEYWORDS + "# \x01"))


HEAD = "#+ summary: x\n"
ONE = HEAD + "#+ parameters:\n#+   - name: p\n#+     "
USE = "\nSELECT * { ?s ?p $p }"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * { ?s ?p ?o }", "#+ summary"),
        ("#+  deep\nSELECT * { ?s ?p ?o }", "begins with `#+ key: value`"),
        (HEAD + "#+ summary: y\nASK {}", "there twice"),
        (HEAD + "#+ sumary: y\nASK {}", "no line sumary"),
        (HEAD + "#+ What?\nASK {}", "no `key: value`"),
        (HEAD + "#+ description: " + "x" * 20_001 + "\nASK {}", "at most 20000"),
        (HEAD + "#+ parameters:\n#+   - [a\nASK {}", "parameters cannot be read"),
        (HEAD + "#+ parameters: x\nASK {}", "is a list"),
        (HEAD + "#+ parameters: [x]\nASK {}", "has members"),
        (ONE + "type: strng" + USE, "the type of p is one of string"),
        (ONE + "kind: a" + USE, "no member kind"),
        (ONE + "enum: a" + USE, "enum is a list"),
        (ONE + "example: [a]" + USE, "example is one text"),
        (ONE + "required: yes" + USE, "required is true or false"),
        (ONE + "many: false" + USE, "p needs an example"),
        (ONE + "of: models\n#+     example: a" + USE, "of belongs to"),
        (ONE + "required: true\n#+     default: a" + USE, "its default is never used"),
        (ONE + "type: integer\n#+     example: a" + USE, "a whole number"),
        (ONE + "type: date\n#+     example: 2026-02-30" + USE, "a day of the calendar"),
        (ONE + "example: a\n#+   - name: p\n#+     example: b" + USE, "there twice"),
        (HEAD + "#+ parameters:\n#+   - name: limit\n#+     example: a\nSELECT * { ?s ?p $limit }", "a name is a word"),
        (ONE + "example: a\nSELECT * { ?s ?p ?p }", "p is not used"),
        (HEAD + "SELECT * { ?s ?p $o }", "write ?o for a variable"),
        (HEAD + "#+ paging: many\nSELECT * { ?s ?p ?o } ORDER BY ?s", "from 1 to 1000"),
        (HEAD + "#+ paging: 10\nSELECT * { ?s ?p ?o }", "ORDER BY"),
        (HEAD + "#+ paging: 10\nASK {}", "Only a SELECT"),
        (HEAD + "#+ paging: 10\nSELECT * { ?s ?p ?o } ORDER BY ?s LIMIT 1", "LIMIT"),
        (ONE + "example: a\nSELECT * { ?s ?p ?o FILTER(?o = $p) }", "UNDEF"),
        (HEAD + "SELECT * { ?s ?p", "not closed"),
        (HEAD + "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", "SERVICE"),
        (HEAD + "INSERT DATA { <a:b> <a:b> <a:b> }", "update"),
        ("", "#+ summary"),
    ],
)  # fmt: skip
def test_a_broken_query_is_refused_at_once(site: Site, text: str, words: str) -> None:
    refused = put(site, "broken", text)
    assert refused.status_code == 400, refused.text
    assert words in refused.json["detail"] or (words in ("LIMIT", "UNDEF") and refused.json["type"] == "/errors/query-refused"), refused.text
    problem(404, get(site, "/queries/broken"))


PAIRS = """PREFIX x: <http://www.w3.org/2001/XMLSchema#>
SELECT ?a ?b ?c { VALUES (?a ?b ?c) { (1 true 'x'@en) (1.5 <a:b> UNDEF) ('NaN'^^x:double 2e0 '2026-01-01'^^x:date) } }"""


def test_what_has_no_pages_answers_whole(site: Site) -> None:
    texts = {
        "pairs": HEAD + PAIRS,
        "any": HEAD + "ASK { ?s ?p ?o }",
        "graph": ONE + "type: datetime\n#+     example: 2026-01-01T00:00:00+00:00\nCONSTRUCT { <a:b> <a:c> ?o } { VALUES ?o { $p } }",
    }
    for name, text in texts.items():
        assert put(site, name, text).status_code == 201
    rows = get(site, "/queries/pairs").json["items"]
    assert rows[0] == {"a": 1, "b": True, "c": "x"} and rows[1] == {"a": 1.5, "b": "a:b", "c": None} and rows[2]["c"] == "2026-01-01"
    assert get(site, "/queries/pairs", "text/csv").text.splitlines()[0] == "a,b,c"
    assert "has no pages" in problem(400, get(site, "/queries/pairs?limit=2"))["detail"]
    assert get(site, "/queries/any").json == {"boolean": True} and get(site, "/queries/any", RESULTS).json["boolean"] is True
    for media in ("text/turtle", "application/ld+json", "application/rdf+xml", "application/n-quads"):
        answer = get(site, "/queries/graph?p=2026-01-02T03:04:05Z", media)
        quads = [str(each.object) for each in parse(answer.data, RdfFormat.from_media_type(media))]
        assert quads == ['"2026-01-02T03:04:05Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'], answer.text
    paths = get(site, "/openapi.json").json["paths"]
    assert paths["/queries/graph"]["get"]["parameters"][0]["schema"] == {"type": "string"}
    for name in texts:
        assert site.call("DELETE", f"/queries/{name}", CURATOR).status_code == 204


def test_a_heavy_query_is_ended_and_not_kept(site: Site) -> None:
    cross = " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6))
    queries = site.app.extensions["hub"].reports._queries
    limits, queries._limits = queries._limits, queries._limits.__class__(0.5, 512, 1000, 1 << 20)
    try:
        refused = put(site, "heavy", f"{HEAD}SELECT (COUNT(*) AS ?n) {{ {cross} }}")
        assert refused.status_code in (408, 503), refused.text
    finally:
        queries._limits = limits
    problem(404, get(site, "/queries/heavy"))


def test_one_that_cannot_be_read_any_more_hides_no_other(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    store: Store = site.app.extensions["hub"].kg
    said = "<http://hub.test/queries/old> a <https://w3id.org/cords-hub/ns#StoredQuery> ; <https://w3id.org/cords-hub/ns#sparql> 'x'"
    graph = f"GRAPH <http://hub.test/api/queries/old> {{ {said} }}"
    store.update(f"INSERT DATA {{ {graph} }}")
    assert len(get(site, "/queries").json["items"]) >= 7 and "old cannot be read" in caplog.text
    problem(400, get(site, "/queries/old"))
    store.update(f"DELETE DATA {{ {graph} }}")
