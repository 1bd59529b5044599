"""Views on the sample catalogue: the same graph in every type and at every address, what their vocabularies ask for, harvested to the end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from pyld import jsonld
from pyoxigraph import NamedNode, RdfFormat, Triple, parse, serialize
from pyshacl import validate
from rdflib import Graph

from server.graph.literals import canonical_triple
from server.graph.rdf import FORMATS
from tests.queries.test_shipped import FEDERATED, FORECASTER_1, FORECASTER_2, SEGMENTER
from tests.support.sites import Site, problem

HOUSEHOLD = "46cb5b776a3b5b8b6fc598c59c1b4d3a600606ec8b3fcd8f1b986fa57639b4e2"
SHAPES = Path(__file__).parent / "shapes"
DCAT, HYDRA = "http://www.w3.org/ns/dcat#", "http://www.w3.org/ns/hydra/core#"
NT = "application/n-triples"


def get(site: Site, path: str, accept: str = NT, **headers: str) -> Any:
    return site.client.get(path.removeprefix("http://hub.test"), headers={"Accept": accept, **headers})


def triples(answer: Any) -> set[Triple]:
    assert answer.status_code == 200, answer.text
    media = answer.content_type.partition(";")[0]
    text = answer.data
    if media == "application/ld+json":  # the standard's own processor reads what frames made
        text = orjson.dumps(jsonld.expand(json.loads(text), {"documentLoader": None}))
    return {canonical_triple(quad.triple) for quad in parse(text, FORMATS[media])}


def objects(graph: Iterable[Triple], predicate: str) -> list[str]:
    return sorted(str(each.object.value) for each in graph if each.predicate == NamedNode(predicate))


def things(site: Site, collection: str) -> list[str]:
    return [each["id"] for each in site.client.get(f"/api/{collection}?limit=1000").json["items"]]  # type: ignore[index]


def views(site: Site) -> dict[str, Any]:
    return {each["name"]: each for each in site.client.get("/views").json["items"]}  # type: ignore[index]


def test_each_view_is_one_graph_in_every_type_and_at_every_address(site: Site) -> None:
    for view in views(site).values():
        for collection in view.get("kinds", ["models", "runs"]):
            streamed: set[Triple] = set()
            for id in things(site, collection):
                path = f"/api/{collection}/{id}/views/{view['name']}"
                one = triples(get(site, path))
                assert one, path
                streamed |= one
            for media in FORMATS:
                assert triples(get(site, path, media)) == one, (path, media)
                whole = triples(get(site, f"/api/{collection}?view={view['name']}", media))
                assert whole == streamed, (path, media, whole ^ streamed)
            assert triples(get(site, f"/api/{collection}/{id}?view={view['name']}")) == one


def test_the_list_of_views_says_what_there_is(site: Site) -> None:
    known = views(site)
    assert set(known) >= {"dcat", "mldcat-ap", "fair4ml", "croissant", "prov", "model-card"}
    for view in known.values():
        assert view["summary"] and (view["name"] == "cords" or view["profiles"]), view["name"]
        collection = view.get("kinds", ["models"])[0]
        listed = {each["name"]: each for each in site.client.get(f"/api/{collection}/{things(site, collection)[0]}/views").json["items"]}  # type: ignore[index]
        for media in listed[view["name"]]["media_types"]:
            answer = get(site, listed[view["name"]]["url"], media)
            assert (answer.status_code, answer.content_type.partition(";")[0]) == (200, media)
        assert get(site, listed[view["name"]]["url"], "image/png").status_code == 406
    assert "fair4ml" not in [each["name"] for each in site.client.get(f"/api/datasets/{HOUSEHOLD}/views").json["items"]]  # type: ignore[index]
    assert "there are" in problem(404, get(site, f"/api/datasets/{HOUSEHOLD}?view=fair4ml"))["detail"]
    problem(404, get(site, "/api/models/" + "f" * 64 + "/views/dcat"))
    problem(404, get(site, "/views/nothing"))


def judged(graph: set[Triple], shapes: str) -> str:
    data = Graph().parse(serialize(graph, format=RdfFormat.N_TRIPLES), format="nt")
    conforms, _, text = validate(data, shacl_graph=Graph().parse(SHAPES / shapes), inference="none")
    return "" if conforms else str(text)


def test_dcat_has_what_dcat_ap_makes_mandatory(site: Site) -> None:
    answer = get(site, "/views/dcat?limit=1000")
    graph = {quad.triple for quad in parse(answer.data, RdfFormat.N_TRIPLES)}  # as it is, not as a store would keep it
    assert judged(graph, "dcat-ap-3-mandatory.ttl") == ""
    assert len(objects(graph, DCAT + "dataset")) == sum(len(things(site, each)) for each in ("models", "datasets", "bundles", "fl-trainings"))
    assert len(objects(graph, DCAT + "service")) == len(things(site, "fl-services"))
    broken = {each for each in graph if each.predicate != NamedNode("http://purl.org/dc/terms/title")}
    assert "minCount" in judged(broken, "dcat-ap-3-mandatory.ttl") or "Less than 1" in judged(broken, "dcat-ap-3-mandatory.ttl")


def test_mldcat_ap_has_what_it_makes_mandatory(site: Site) -> None:
    for id in (FORECASTER_1, FORECASTER_2, SEGMENTER):
        graph = {quad.triple for quad in parse(get(site, f"/api/models/{id}/views/mldcat-ap").data, RdfFormat.N_TRIPLES)}
        missing = judged(graph, "mldcat-ap-3-mandatory.ttl")
        assert missing == "" or (id == SEGMENTER and "hasFile" in missing and "Results (1)" in missing), missing
    for id in things(site, "datasets"):
        assert judged(triples(get(site, f"/api/datasets/{id}/views/mldcat-ap")), "mldcat-ap-3-mandatory.ttl") == ""
    results = objects(triples(get(site, f"/api/models/{FORECASTER_2}/views/mldcat-ap")), "http://data.europa.eu/it6/evaluationResults")
    assert len(results) == 4 and any(each.startswith("train_loss at step 3 = ") for each in results)


def test_fair4ml_is_a_tree(site: Site) -> None:
    answer = get(site, f"/api/models/{FORECASTER_2}/views/fair4ml", "application/json")
    tree = answer.json
    assert answer.content_type == "application/json" and tree["@type"] == "MLModel" and tree["mlTask"] == "time-series forecasting"
    assert {each["@language"]: each["@value"] for each in tree["name"]} == {"en": "Load forecaster", "de": "Lastprognose"}
    assert [each["name"] for each in tree["testedOn"]] == ["Household load 2025, one town"] and tree["version"] == "2.0.0"
    assert {each["name"]: each["value"] for each in tree["evaluationMetrics"]}["test_RMSE"] == 0.2894
    many = get(site, "/api/models?view=fair4ml", "application/ld+json").json
    assert len(many["@graph"]) == len(things(site, "models")) and tree["@context"] == many["@context"]


def test_croissant_is_valid(site: Site, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    import mlcroissant  # takes seconds to import

    for id in things(site, "datasets"):
        answer = get(site, f"/api/datasets/{id}/views/croissant", "application/ld+json")
        file = tmp_path / f"{id}.json"
        file.write_bytes(answer.data)
        found = mlcroissant.Dataset(jsonld=str(file)).metadata
        assert found.name and not found.issues.errors, found.issues.report()
    found = mlcroissant.Dataset(jsonld=str(tmp_path / f"{HOUSEHOLD}.json")).metadata
    assert sorted(each.name for each in found.distribution) == ["CSV", "Parquet"]
    assert "isLiveDataset" not in json.loads((tmp_path / f"{HOUSEHOLD}.json").read_bytes())
    assert [each.name for each in found.record_sets[0].fields] == ["meter", "time", "load", "temperature"]


def test_the_model_card_reads_well(site: Site) -> None:
    card = get(site, f"/api/models/{FORECASTER_2}/views/model-card", "*/*")
    assert card.content_type == "text/markdown; charset=utf-8"
    _, front, body = card.text.split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["license"] == "apache-2.0" and said["library_name"] == "pytorch" and "energy" in said["tags"]
    assert {each["type"]: each["value"] for each in said["model-index"][0]["results"][0]["metrics"]}["test_RMSE"] == 0.2894
    assert "# Load forecaster" in body and "| train\\_loss | 0.1098 | 3 |" in body and "Not for billing." in body
    for section in ("Model Details", "Uses", "Bias, Risks, and Limitations", "Training Details", "Evaluation", "Environmental Impact"):
        assert f"## {section}\n" in body
    page = get(site, f"/api/models/{FORECASTER_1}?view=model-card", "text/html")
    assert page.content_type == "text/html; charset=utf-8" and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<h1>Load forecaster</h1>" in page.text and "MLflow scoring server: http://localhost:5111 (READY)" in page.text
    assert "Nobody has said where this model fails." in page.text
    assert yaml.safe_load(get(site, f"/api/models/{FEDERATED}/views/model-card", "text/markdown").text.split("---\n")[1])["tags"]
    assert problem(406, get(site, "/api/models?view=model-card", "text/markdown"))["detail"].startswith("This comes as")


HOSTILE = '</title><script>alert(1)</script>\n---\nlicense: "mit" | [x](javascript:alert(1)) `y` {{ "ab" * 7 }} \\ " \' &amp; '


def test_nobody_writes_more_than_text_into_a_card(site: Site) -> None:
    members = {"title": HOSTILE, "description": HOSTILE, "intended_use": HOSTILE, "keywords": [HOSTILE.strip()[:80]], "co2_emissions": HOSTILE}
    members |= {"algorithm": HOSTILE, "version": HOSTILE[:100], "inputs": [{"name": HOSTILE, "datatype": "double", "meaning": HOSTILE}]}
    made = site.call("POST", "/api/models", "ada@example.org", json=members)
    assert made.status_code == 201, made.text
    path = f"/api/models/{made.json['id']}"  # type: ignore[index]
    try:
        for media in ("text/html", "text/markdown"):
            text = get(site, f"{path}/views/model-card", media).text
            assert "<script" not in text and "ab" * 7 not in text
        assert yaml.safe_load(text.split("---\n")[1])["tags"] == members["keywords"] and "license" not in yaml.safe_load(text.split("---\n")[1])
        for name in views(site):
            if name != "croissant":
                assert triples(get(site, f"{path}/views/{name}", "application/ld+json")) == triples(get(site, f"{path}/views/{name}"))
    finally:
        assert site.call("DELETE", path, "ada@example.org").status_code == 204


def test_a_catalogue_is_harvested_page_by_page(site: Site) -> None:
    whole = {each for each in triples(get(site, "/views/dcat?limit=1000")) if HYDRA not in str(each)}
    found: set[Triple] = set()
    path, pages = "/views/dcat?limit=5", 0
    while path:
        answer = get(site, path)
        page, pages = triples(answer), pages + 1
        following = objects(page, HYDRA + "next")
        assert [f'<{each}>; rel="next"' for each in following] == [each for each in answer.headers.getlist("Link") if 'rel="next"' in each]
        found |= page
        path = following[0] if following else ""
    total = int(objects(found, HYDRA + "totalItems")[0])
    assert pages == -(-total // 5) and whole <= found
    one = triples(get(site, "/views/dcat?kind=fl-services"))
    assert objects(one, HYDRA + "totalItems") == ["1"] and not objects(one, HYDRA + "next")
    assert problem(400, get(site, "/views/dcat?cursor=runs~x"))["errors"][0]["pointer"] == "?cursor"
    assert problem(400, get(site, "/views/dcat?kind=runs"))["errors"][0]["pointer"] == "?kind"
    problem(400, get(site, "/views/dcat?limit=0"))
    problem(400, get(site, "/views/dcat?pages=0"))
    tree = get(site, "/views/fair4ml?limit=2", "application/ld+json").json
    assert len(tree["@graph"]) == 2 + 2 and len(triples(get(site, "/views/fair4ml?limit=2", "application/ld+json"))) > 50


def test_a_list_in_a_view_is_filtered_and_paged_like_the_list(site: Site) -> None:
    some = triples(get(site, "/api/models?view=dcat&keywords=imaging"))
    assert len(objects(some, DCAT + "dataset")) == 1
    first = get(site, "/api/models?view=dcat&limit=3")
    (link,) = [each for each in first.headers.getlist("Link") if 'rel="next"' in each]
    assert len(objects(triples(first), DCAT + "dataset")) == 3
    second = triples(get(site, link.partition(">")[0][1:]))
    assert len(objects(second, DCAT + "dataset")) == len(things(site, "models")) - 3
    problem(400, get(site, "/api/models?view=dcat&keyword=imaging"))
    nothing = get(site, "/api/models?view=dcat&q=nosuchword", "application/ld+json")
    assert nothing.json == []
    assert triples(get(site, "/api/models?view=dcat&q=nosuchword", "application/rdf+xml")) == set()


def test_profiles_choose_a_view(site: Site) -> None:
    path = f"/api/models/{FORECASTER_2}"
    wish = "<http://example.org/unknown>, <http://data.europa.eu/it6/>;q=0.9, <http://data.europa.eu/r5r/> ; q=0.5"
    chosen = get(site, path, **{"Accept-Profile": wish})
    assert triples(chosen) == triples(get(site, f"{path}/views/mldcat-ap"))
    assert (
        chosen.headers["Content-Profile"] == "<http://data.europa.eu/it6/>"
        and '<http://data.europa.eu/it6/>; rel="profile"' in chosen.headers["Link"]
    )
    assert "Accept-Profile" in chosen.headers["Vary"] and "Accept-Profile" in site.client.get(path).headers["Vary"]
    assert "Content-Profile" not in site.client.get(path).headers
    many = get(site, "/api/models", **{"Accept-Profile": "<http://data.europa.eu/it6/>"})
    assert triples(many) == triples(get(site, "/api/models?view=mldcat-ap"))
    for address in (path, "/api/models"):
        plain = get(site, address, "application/json", **{"Accept-Profile": "<http://hub.test/shapes/models>"})
        assert plain.json and plain.headers["Content-Profile"] == "<http://hub.test/shapes/models>"
    assert (
        "<http://data.europa.eu/r5r/>"
        in problem(406, get(site, path, **{"Accept-Profile": "<http://a.b/>, <http://data.europa.eu/it6/>;q=0"}))["detail"]
    )
    for bad in ("it6", "<>", "<http://a b/>", "<http://a.b/>;q=2", "<http://a.b/> <http://a.c/>"):
        assert problem(400, get(site, path, **{"Accept-Profile": bad}))["errors"][0]["pointer"] == "Accept-Profile", bad
