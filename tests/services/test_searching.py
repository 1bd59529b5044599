"""Query parameters become searches by the shape of the kind; whatever is no parameter or no value is named."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from server.errors import Malformed, NotFound
from server.hub import Hub
from server.services.searching import Listing, shown
from tests.services.conftest import toy
from tests.support.documents import HOSTILE
from tests.support.toys import CAR


def find(hub: Hub, **parameters: str | list[str]) -> Listing:
    given = {name.replace("__", "."): [value] if isinstance(value, str) else value for name, value in parameters.items()}
    return hub.searching.find("toys", given)


def titles(hub: Hub, **parameters: str | list[str]) -> list[Any]:
    return [orjson.loads(item)["title"] for item in find(hub, **parameters).page.items]


@pytest.fixture
def toys(hub: Hub) -> Hub:
    """Store five toys."""
    for number in range(4):
        toy(hub, title=f"t{number}", price=number / 2, pieces=number, keywords=["all", f"k{number}"], fragile=number > 1, wheels=[{"size": number}])
    toy(hub, **{**CAR, "title": "car"})
    return hub


def test_filters_are_read_by_what_the_values_are(toys: Hub) -> None:
    assert titles(toys, keywords=["k1", "k3"], sort="title") == ["t1", "t3"]
    assert titles(toys, price__gte="0.5", price__lte="1e0", sort="-price") == ["t2", "t1"] and titles(toys, price="1") == titles(
        toys, price="1.0"
    ) == ["t2"]
    assert titles(toys, fragile="true", sort="title") == ["t2", "t3"] and titles(toys, license="CC0-1.0") == ["car"]
    assert titles(toys, license="http://spdx.org/licenses/CC0-1.0") == ["car"] and titles(toys, license="http://no iri/ at all") == []
    assert titles(toys, license__exists="true") == ["car"] and len(titles(toys, license__exists="false")) == 4
    assert titles(toys, wheels__size__gte="2", sort="title") == ["car", "t2", "t3"] and titles(toys, wheels__material="wood") == ["car"]
    assert titles(toys, state="used") == [] and len(titles(toys, state="new", created__gte="2020")) == 5
    assert titles(toys, created__lte="2020-01-01") == [] == titles(toys, created__gte="2999-01-01T00:00:00Z")
    assert len(titles(toys, modified__gte="2020-01-01T00:00:00+00:00")) == 5


def test_sorting_paging_and_counting(toys: Hub) -> None:
    assert titles(toys, sort="-title,price") == ["t3", "t2", "t1", "t0", "car"]
    page = find(toys, sort="pieces", limit="2")
    assert page.page.total == 5 and page.page.next
    assert titles(toys, sort="pieces", limit="2", cursor=page.page.next or "") == ["t2", "t3"]
    facets = find(toys, facets="keywords,wheels.material", q="car").facets
    assert (
        facets is not None and dict(facets["wheels.material"].values) == {"rubber": 1, "wood": 1} and set(facets) == {"keywords", "wheels.material"}
    )
    assert find(toys, fields=["title", "price,keywords"]).fields == ("title", "price", "keywords")
    assert shown({"id": 1, "iri": 2, "title": 3, "x": 4}, ["title"]) == {"id": 1, "iri": 2, "title": 3} and shown({"x": 1}, []) == {"x": 1}


@pytest.mark.parametrize(
    ("parameters", "pointer", "message"),
    [
        ({"keyword": "a"}, "?keyword", "Did you mean keywords?"),
        ({"titel": "a"}, "?titel", "There is no parameter titel"),
        ({"description": "a"}, "?description", "There is no parameter"),
        ({"price__gt": "1"}, "?price.gt", "Did you mean price?"),
        *(({"price": each}, "?price", "takes a number") for each in ("", "much", "nan", "inf", "1_0", "１", " 1", "0x10", "1e99999")),
        ({"fragile": "yes"}, "?fragile", "is true or false"),
        ({"price__exists": "1"}, "?price.exists", "is true or false"),
        *(({"created__gte": each}, "?created.gte", "takes a date") for each in ("yesterday", "", "2026-01-31T10", "2026'--")),
        *(({"limit": each}, "?limit", "from 1 to 1000") for each in ("0", "-1", "1001", "x", "1.5", "１", "9" * 30)),
        ({"sort": "nothing"}, "?sort", "sort by title"),
        ({"facets": "keyword"}, "?facets", "keywords"),
        ({"fields": "titel"}, "?fields", "title"),
        ({"wheels__size": "x"}, "?wheels.size", "takes a number"),
    ],
)
def test_what_is_wrong_is_named(hub: Hub, parameters: dict[str, str], pointer: str, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        find(hub, **parameters)
    (fault,) = caught.value.faults
    assert fault.pointer == pointer and message in fault.message


def test_everything_wrong_is_named_at_once(hub: Hub) -> None:
    with pytest.raises(Malformed) as caught:
        find(hub, a="1", b="2", limit="x", sort="y", facets="z")
    assert len(caught.value.faults) == 5
    with pytest.raises(NotFound):
        hub.searching.find("nothing", {})


def test_no_text_breaks_out_of_a_search(toys: Hub) -> None:
    for text in (*HOSTILE, "a\x00b", '" OR 1=1 --', "title:t1", "t*", "NEAR(t1 t2, 5)", "^t1", "t1 AND", "(", "-", "'", "x" * 100_000):
        for parameter in ("q", "keywords", "license", "state", "wheels__material", "creator"):
            try:
                found = find(toys, **{parameter: text})
            except Malformed as error:
                assert "control character" in error.detail or "longer than 1000" in error.detail, (parameter, text[:80])
            else:
                assert found.page.total <= 5
        for parameter in ("sort", "cursor", "facets", "fields", "limit", "price", "created"):
            if text.replace(",", "").strip():
                with pytest.raises(Malformed):
                    find(toys, **{parameter: text})
    assert toys.searching.find("toys", {}).page.total == 5


def test_hostile_values_are_found_by_themselves(hub: Hub) -> None:
    texts = [each for each in HOSTILE if each.strip()]
    for text in texts:
        toy(hub, keywords=[text], title=text)
    for text in texts:
        assert find(hub, keywords=text).page.total == 1, text
    counted = find(hub, facets="keywords").facets
    assert counted is not None and {value for value, _ in counted["keywords"].values} <= set(texts)
