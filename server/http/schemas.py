"""JSON Schemas and operations of the kinds, written from their shapes for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyoxigraph import Literal

from server.graph.kinds import Field, Kind, Registry, Shape
from server.graph.literals import FLOATS, INTEGERS
from server.graph.rdf import FORMATS
from server.graph.vocabulary import XSD
from server.http.operations import Operation, Parameter
from server.services.callers import Role
from server.services.drafts import JSON
from server.services.projection import sort_keys
from server.services.views import TEMPLATES

Schema = dict[str, Any]
_LANGUAGES: Schema = {"type": "object", "additionalProperties": {"type": ["string", "array"]}}
_TEXT: Schema = {"type": "string"}
_IF_MATCH = {"If-Match": "The ETag of the revision that the change was made from, or *."}
_PROFILE = {"Accept-Profile": "The profile that the answer shall follow, such as <http://data.europa.eu/r5r/>; see /views."}
_X_REASON = {"X-Reason": "Why the change is made."}
_ERRORS = {400: "malformed", 401: "not authenticated", 403: "not allowed"}


def name_of(kind: Kind) -> str:
    """Name the schema of a kind: the local name of its shape."""
    return kind.iri.rpartition("#")[2].rpartition("/")[2]


def reference(kind: Kind) -> Schema:
    """Refer to the schema of a kind."""
    return {"$ref": f"#/components/schemas/{name_of(kind)}"}


def schema_of(registry: Registry, kind: Kind) -> Schema:
    """Write the JSON Schema of a kind, with its derived members marked as read-only."""
    schema = _object(registry, kind, ())
    derived: Schema = {
        "id": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "64 hexadecimal digits; may be chosen when creating."},
        "iri": {"type": "string", "format": "iri"},
        "type": {"type": "array", "items": _TEXT},
        "revision": {"type": "integer", "readOnly": True},
    }
    return {**schema, "properties": {**derived, **schema["properties"]}, "title": kind.label, "description": kind.comment}


def _object(registry: Registry, shape: Shape, above: tuple[str, ...]) -> Schema:
    if shape.iri in above:
        return {"type": "object"}
    properties = {each.key: _field(registry, each, (*above, shape.iri)) for each in shape.fields}
    required = [each.key for each in shape.fields if each.minimum and not each.read_only and each.default is None]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _field(registry: Registry, found: Field, above: tuple[str, ...]) -> Schema:
    schema = _value(registry, found, above)
    if not found.single and not found.language:
        schema = {"type": "array", "items": schema}
    elif not found.single:
        schema = {"anyOf": [schema, {"type": "array", "items": schema}]}
    schema |= {"title": found.label, "description": found.help}
    if found.read_only:
        schema["readOnly"] = True
    if isinstance(found.default, Literal):
        schema["default"] = found.default.value
    return schema


def _value(registry: Registry, found: Field, above: tuple[str, ...]) -> Schema:
    part = registry.part_of(found)
    if part is not None:
        whole = _object(registry, part, above)
        return {"anyOf": [_TEXT, whole]} if part.shared else whole
    if found.choices:
        return {"enum": [each.value for each in found.choices]}
    if found.iri or found.refers:
        return {"type": "string", "format": "iri-reference"}
    return _scalar(found)


def _scalar(found: Field) -> Schema:
    bounds = dict(found.bounds)
    if found.language:
        return {"anyOf": [{**_TEXT, **bounds}, _LANGUAGES]}
    types = {_json_type(each) for each in found.datatypes} or {"string", "number", "boolean"}
    schema: Schema = {"type": next(iter(types)) if len(types) == 1 else sorted(types), **bounds}
    if XSD.dateTime in found.datatypes:
        schema["format"] = "date-time"
    return schema


def _json_type(datatype: Any) -> str:
    if datatype in INTEGERS:
        return "integer"
    if datatype in FLOATS or datatype == XSD.decimal:
        return "number"
    return "boolean" if datatype == XSD.boolean else "string"


class Describer:
    """Writes the operations of one kind's routes."""

    def __init__(self, registry: Registry, kind: Kind) -> None:
        """Describe the routes of this kind."""
        self.registry, self.kind = registry, kind
        self._bodies: Mapping[str, Schema] = {JSON: reference(kind), **{each: _TEXT for each in FORMATS}}

    def listing(self) -> Operation:
        """Describe the list."""
        page = {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": reference(self.kind)},
                "total": {"type": "integer"},
                "next": {"type": "string", "format": "uri"},
                "facets": {"type": "object"},
            },
        }
        filters = [
            each
            for key, found in self.registry.filterable(self.kind).items()
            for each in (
                Parameter(key, f"Only those with this value of {key} (repeat for or). {found.help}", many=True),
                Parameter(f"{key}.gte", f"Only those whose {key} is this or more."),
                Parameter(f"{key}.lte", f"Only those whose {key} is this or less."),
                Parameter(f"{key}.exists", f"Only those with (true) or without (false) {key}.", choices=("true", "false")),
            )
        ]
        controls = (
            Parameter("q", 'Full text: words, "phrases", begin* of a word.'),
            Parameter("sort", f"Keys to sort by, a minus for descending: {', '.join(sort_keys(self.kind.fields))}.", example="-modified,title"),
            Parameter("limit", "Things a page.", type="integer", minimum=1, maximum=1000),
            Parameter("cursor", "Where the next page begins; `next` of a page has it."),
            Parameter("facets", "Keys whose values are counted, with commas between."),
            Parameter("fields", "Members that items are cut down to, with commas between."),
            Parameter("view", "Answer the things in this view: all as a stream, or the page where limit or cursor is given."),
        )
        content = {JSON: page, "application/ld+json": _TEXT, "text/turtle": _TEXT, "text/csv": _TEXT}
        return self._operation(f"List {self.kind.collection}", Role.reader, query=(*controls, *filters), content=content, headers=_PROFILE)

    def writing(self, verb: str, status: int, *query: Parameter) -> Operation:
        """Describe a route that takes a whole description."""
        answers = {
            status: "the thing",
            409: "the id or a unique value is taken",
            413: "too large",
            415: "unknown media type",
            422: "does not conform",
        }
        if status == 200:
            answers |= {404: "not found", 410: "deleted", 412: "changed meanwhile", 428: "If-Match needed"}
        headers = _X_REASON | (_IF_MATCH if status == 200 else {})
        return self._operation(
            self._named(verb), Role.contributor, query=query, body=self._bodies, answers=answers, headers=headers, content=self._bodies
        )

    def patching(self, merge: str, update: str, *query: Parameter) -> Operation:
        """Describe the patch route."""
        answers = {200: "the thing", 404: "not found", 410: "deleted", 412: "changed meanwhile", 422: "does not conform", 428: "If-Match needed"}
        body = {merge: {"type": "object"}, update: _TEXT}
        headers = _X_REASON | _IF_MATCH
        return self._operation(self._named("Patch"), Role.contributor, query=query, body=body, answers=answers, headers=headers, content=self._bodies)

    def reading(self, verb: str, *query: Parameter) -> Operation:
        """Describe a route that answers a thing."""
        answers = {200: "the thing", 304: "not changed", 404: "not found", 406: "no such type", 410: "deleted"}
        return self._operation(
            self._named(verb), Role.reader, query=query, answers=answers, headers=_PROFILE, content={**self._bodies, "text/html": _TEXT}
        )

    def deleting(self, *query: Parameter) -> Operation:
        """Describe the delete route."""
        answers = {204: "deleted", 404: "not found", 409: "others refer to it", 410: "deleted already", 412: "changed meanwhile"}
        return self._operation(self._named("Delete"), Role.contributor, query=query, answers=answers, headers=_X_REASON | _IF_MATCH)

    def restoring(self, *query: Parameter) -> Operation:
        """Describe the restore route."""
        answers = {200: "the thing", 404: "not found", 422: "the old state does not conform any more"}
        return self._operation(self._named("Restore"), Role.contributor, query=query, answers=answers, headers=_X_REASON, content=self._bodies)

    def plain(self, verb: str, *query: Parameter) -> Operation:
        """Describe a route that answers plain JSON about a thing."""
        return self._operation(
            self._named(verb), Role.reader, query=query, answers={200: "found", 404: "not found"}, content={JSON: {"type": "object"}}
        )

    def reasoning(self) -> Operation:
        """Describe the route of the reasoner."""
        texts = {"type": "array", "items": {"type": "string"}}
        answer = {"consistent": {"type": "boolean"}, "contradictions": texts, "considered": texts, "truncated": {"type": "boolean"}}
        return self._operation(
            self._named("Look for contradictions around"),
            Role.curator,
            answers={200: "what contradicts, if anything does", 429: "another one is being judged", 502: "the reasoner could not tell"},
            content={JSON: {"type": "object", "properties": answer}},
        )

    def described(self, verb: str, types: Iterable[str], *query: Parameter) -> Operation:
        """Describe a route that answers JSON or a graph about a thing."""
        content = {JSON: {"type": "object"}, **dict.fromkeys(types, _TEXT)}
        return self._operation(self._named(verb), Role.reader, query=query, answers={200: "found", 404: "not found"}, content=content)

    def viewing(self) -> Operation:
        """Describe a view."""
        content = {each: _TEXT for each in (*FORMATS, *TEMPLATES)}
        return self._operation(
            self._named("Read in another vocabulary"), Role.reader, answers={200: "the view", 404: "no such view"}, content=content
        )

    def bulk(self) -> Operation:
        """Describe the bulk route."""
        lines = {"application/x-ndjson": _TEXT}
        body = {**lines, "application/n-quads": _TEXT}
        return self._operation(f"Create many {self.kind.collection}", Role.contributor, body=body, answers={200: "a line for each"}, content=lines)

    def _operation(self, summary: str, role: Role, **declared: Any) -> Operation:
        declared["answers"] = {**declared.get("answers", {200: "found"}), **_ERRORS}
        return Operation(summary, role, self.kind.collection, **declared)

    def _named(self, verb: str) -> str:
        article = "an" if self.kind.label[:1].lower() in "aeiou" else "a"
        return f"{verb} {article} {self.kind.label}"
