"""What a request of the SPARQL 1.1 Protocol asks for, in each of the ways in which it may be sent."""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import request

from server.errors import Fault, Malformed, NotAcceptable, UnsupportedMediaType
from server.http.entailing import entailed
from server.http.negotiate import negotiate
from server.logs import request_id
from server.services.queries import GRAPH_TYPES, TABLE_TYPES, Question, media_types
from server.store.base import Form

QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 10_000

# Types that are no type of SPARQL, but that clients ask for and mean one.
ALIASES = {
    "table": {"application/json": TABLE_TYPES[0], "application/xml": TABLE_TYPES[1], "text/xml": TABLE_TYPES[1]},
    "graph": {
        "application/json": "application/ld+json",
        "application/xml": "application/rdf+xml",
        "text/xml": "application/rdf+xml",
        "text/plain": "application/n-triples",
    },
}
_SHORT = {
    "table": {"json": TABLE_TYPES[0], "xml": TABLE_TYPES[1], "csv": TABLE_TYPES[2], "tsv": TABLE_TYPES[3]},
    "graph": {
        "turtle": "text/turtle",
        "ttl": "text/turtle",
        "n3": "text/turtle",
        "nt": "application/n-triples",
        "ntriples": "application/n-triples",
        "n-triples": "application/n-triples",
        "json": "application/ld+json",
        "jsonld": "application/ld+json",
        "json-ld": "application/ld+json",
        "xml": "application/rdf+xml",
        "rdf": "application/rdf+xml",
        "rdfxml": "application/rdf+xml",
        "rdf+xml": "application/rdf+xml",
        "trig": "application/trig",
        "nq": "application/n-quads",
        "nquads": "application/n-quads",
        "n-quads": "application/n-quads",
    },
}
_WISHES = ("format", "output", "results")

Fields = list[tuple[str, str]]


def question() -> Question:
    """Read the query and everything that goes with it from the request.

    Raises `Malformed` (none, several, not UTF-8, an update), `UnsupportedMediaType`.
    """
    fields = fields_of((QUERY, FORM), "query")
    queries = all_of(fields, "query")
    if all_of(fields, "update"):
        raise Malformed("An update is sent in the body of a POST, alone.", faults=[Fault("?update", "must be in the body")])
    if len(queries) != 1:
        raise Malformed(_NONE if not queries else "Send one query, not several.", faults=[Fault("?query", "must be given exactly once")])
    return Question(
        sparql=entailed(queries[0], all_of(fields, "reasoning")),
        default=tuple(all_of(fields, "default-graph-uri")),
        named=tuple(all_of(fields, "named-graph-uri")),
        seconds=_seconds(fields),
        address=request.remote_addr or "",
        request=request_id.get(),
    )


def only_wishes() -> bool:
    """Tell whether nothing is asked: there is no parameter, but for the type of the answer."""
    return all(name in _WISHES for name in request.args)


def explains() -> bool:
    """Tell whether the caller wants to know what becomes of the query instead of its answer."""
    given = request.values.get("explain", "false").strip().lower()
    if given not in ("", "1", "true", "0", "false"):
        raise Malformed("explain is true or false.", faults=[Fault("?explain", "must be true or false")])
    return given in ("", "1", "true")


_NONE = (
    "A query is missing. Send it as the parameter `query` of a GET, as the field `query` of a form (application/x-www-form-urlencoded), "
    "or as the body of a POST with the type application/sparql-query."
)


def wanted_type(form: Form) -> str:
    """Choose the type of the answer: by `format`, `output` or `results` where they name one for this form, else by Accept."""
    kind = "graph" if form == "construct" else "table"
    wishes = [value.strip().lower() for name in _WISHES for value in request.values.getlist(name) if value.strip()]
    offered = media_types(form)
    for wish in wishes:
        if (named := _SHORT[kind].get(wish, wish)) in (*offered, *ALIASES[kind]):
            return named
    if wishes and not any(wish in (*_SHORT["table"], *_SHORT["graph"], *TABLE_TYPES, *GRAPH_TYPES) for wish in wishes):
        raise NotAcceptable(f"There is no format {wishes[0][:80]!r}; use one of {', '.join(_SHORT[kind])}, or the header Accept.")
    return negotiate((*offered, *ALIASES[kind]))


def real_type(form: Form, media_type: str) -> str:
    """Return the type that is written where another name of it was asked for."""
    return ALIASES["graph" if form == "construct" else "table"].get(media_type, media_type)


def fields_of(media_types: tuple[str, ...], name: str) -> Fields:
    """Read the fields of the address and of the body, which is a form or, of the other type, the field `name` itself."""
    fields: Fields = list(request.args.items(multi=True))
    if request.method != "POST":
        return fields
    body = request.get_data()
    if not body and not request.mimetype:
        return fields
    if request.mimetype not in media_types:
        raise UnsupportedMediaType(f"Send the {name} as {' or '.join(media_types)}.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("SPARQL is sent in UTF-8.")
    try:
        return fields + (_form(body.decode("ascii")) if request.mimetype == FORM else [(name, body.decode())])
    except UnicodeDecodeError as error:
        raise Malformed(f"The {name} is not UTF-8 at byte {error.start}.") from None


def _form(body: str) -> Fields:
    try:
        return parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise
    except ValueError:
        raise Malformed(f"The form has more than {_MOST_FIELDS} fields.") from None


def all_of(fields: Fields, name: str) -> list[str]:
    """Return every value of a field."""
    return [value for key, value in fields if key == name]


def _seconds(fields: Fields) -> float | None:
    given = all_of(fields, "timeout")
    try:
        seconds = float(given[-1]) if given and given[-1] else 0.0
    except ValueError:
        raise Malformed("timeout is a number of seconds.", faults=[Fault("?timeout", "must be a number of seconds")]) from None
    return seconds if seconds > 0 else None
