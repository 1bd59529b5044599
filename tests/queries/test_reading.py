"""Files of views and stored queries: what stops a start, and where terms and rows are put."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode

from server.hub import Hub
from server.services.framing import address, line, ordered, scalar, spoken
from server.services.reports import Reports
from server.services.views import Views, read_view
from server.store.base import Store
from server.store.text import bind, bind_rows, places
from tests.support.hubs import wired
from tests.support.stores import EMBEDDED, fresh_store

A, B = NamedNode("urn:a"), NamedNode("urn:b")
GOOD = "#+ summary: x\nCONSTRUCT { $thing a ?type } WHERE { GRAPH $document { $thing a ?type } }"
ROWS = " VALUES (?thing ?document) { (<urn:a> <urn:b>) } "


def test_a_term_takes_the_place_of_a_variable_and_of_nothing_else() -> None:
    text = """SELECT $a WHERE { VALUES ?x { $a } ?x ?y "$a", '$a', <urn:$a> , ?a . # $a\n }"""
    assert places(text) == ["a"]
    assert bind(text, {"a": [Literal('" }'), A]}).count('"\\" }" <urn:a>') == 2
    assert bind(text, {"a": []}).count("UNDEF") == 2 and bind(text, {}) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONSTRUCT { ?s a ?t } WHERE { ?s a ?t }", "CONSTRUCT { ?s a ?t } WHERE {@ ?s a ?t }"),
        ("CONSTRUCT { ?s a ?t } WHERE { { ?s a ?t } UNION { GRAPH ?g { ?s a ?t } } }",) * 2,
        ("CONSTRUCT { ?s a ?t } { { { ?s a ?t } UNION { ?t a ?s } ?s ?p ?o } UNION { ?s a ?t OPTIONAL { ?s ?p { } } } }",) * 2,
        ("CONSTRUCT { ?s a ?t } { ?s a ?t { ?s a ?t } UNION { ?t a ?s } }", "CONSTRUCT { ?s a ?t } {@ ?s a ?t { ?s a ?t } UNION { ?t a ?s } }"),
    ],
)
def test_rows_stand_at_the_beginning_of_each_branch(text: str, expected: str) -> None:
    found = bind_rows(text, ("thing", "document"), [(A, B)])
    assert found.replace(ROWS, "") == text
    if text == expected:
        leaves = text.count("{ ?s a ?t") + text.count("{ ?t a ?s") + text.count("{ GRAPH") - text.count("CONSTRUCT {") - text.count("?g {")
        assert found.count(ROWS) == leaves
    else:
        assert found == expected.replace("@", ROWS)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"x.rq": "CONSTRUCT { } WHERE { }"}, "#+ summary"),
        ({"x.rq": GOOD.replace("$document", "$graph")}, "$graph stands for nothing"),
        ({"x.rq": "#+ summary: x\nSELECT * { ?s ?p ?o }"}, "a view is a CONSTRUCT"),
        ({"x.rq": "#+ summary: x\n#+ kind: models\nCONSTRUCT { ?s ?p ?o } { ?s ?p ?o }"}, "no line kind"),
        ({"x.rq": GOOD + " nonsense"}, "x.rq"),
        ({"x.rq": GOOD.replace("GRAPH", "SERVICE")}, "SERVICE"),
        ({"x.rq": "#+ summary: x\nCONSTRUCT WHERE { ?s ?p ?o }"}, "CONSTRUCT { … } WHERE"),
        ({"x.rq": GOOD, "x.frame.json": "[]"}, "a frame is an object"),
        ({"x.rq": GOOD, "x.frame.json": "{"}, "x.rq"),
        ({"x.rq": GOOD, "x.frame.json": '{"@context": {"@import": "http://127.0.0.1:9/c.jsonld"}}'}, "cannot be used"),
        ({"x.rq": GOOD, "x.md": "{{ thing }}"}, "need a frame"),
        ({"x.rq": GOOD, "x.frame.json": '{"@context": {}}', "x.html": "{% if %}"}, "x.rq"),
    ],
)
def test_a_wrong_view_stops_the_start_and_is_named(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"x\.rq") as caught:
        read_view(tmp_path / "x.rq")
    assert words in str(caught.value), str(caught.value)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    folder = tmp_path_factory.mktemp("reading")
    with fresh_store(EMBEDDED, "kg", folder, None) as kg, fresh_store(EMBEDDED, "system", folder, None) as system, wired((kg, system), folder) as hub:
        yield hub  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Bad Name", "#+ summary: x\nASK { }", "lower-case"),
        ("x", "ASK { }", "summary"),
        ("x", "#+ summary: x\nASK { ?s ?p }", "expected"),
        ("x", "#+ summary: x\nASK { SERVICE <urn:a> { } }", "SERVICE"),
    ],
)
def test_a_wrong_query_stops_the_start_and_is_named(hub: Hub, tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / f"{name}.rq").write_text(text)
    with pytest.raises(ValueError, match=f"{name}.rq") as caught:
        Reports(hub.tools, hub.queries, hub.indexing.publish, [tmp_path], hub.reports.below)
    assert words in str(caught.value), str(caught.value)


def test_a_view_of_nothing_is_empty(hub: Hub) -> None:
    view, store = hub.views.all["prov"], hub.kg
    assert Views(store, [], "http://hub.test/").many(view, []) == frozenset()


def test_what_templates_are_given() -> None:
    assert line("a\n*b* <i>") == r"a \*b\* &lt;i&gt;" and address("http://a/>\n<b`") == "http://a/%3E%0A%3Cb%60"
    assert spoken([{"@language": "de", "@value": "eins"}, {"@language": "en", "@value": "one"}]) == "one" and spoken([]) == ""
    assert spoken({"@language": "de", "@value": "eins"}) == "eins" and scalar({"@type": "x", "@value": "NaN"}) == "NaN"
    found = ordered([{"name": "b", "step": 2}, {"name": "b", "step": 10}, {"name": "b"}, {"name": "a"}], "name", "step")
    assert [(each["name"], each.get("step")) for each in found] == [("a", None), ("b", None), ("b", 2), ("b", 10)]


def test_a_store_is_read_once_a_view(hub: Hub) -> None:
    asked: list[str] = []

    class Counting:
        def triples(self, sparql: str) -> list[object]:
            asked.append(sparql)
            return []

    store: Store = Counting()  # type: ignore[assignment]
    views = Views(store, [], "http://hub.test/")
    assert list(views.write_many(hub.views.all["dcat"], [[(A, B)], [(B, A)]], "application/ld+json")) == [b"[]"]  # type: ignore[list-item]
    assert len(asked) == 2 and all("VALUES (?thing ?document)" in each for each in asked)
