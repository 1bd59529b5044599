"""The OpenAPI 3.1 document of every route, written from the operations that the views declare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from server.http import schemas
from server.http.operations import Operation, Parameter
from server.http.problems import PROBLEM
from server.services.callers import Role

_PART = re.compile(r"<(?:(?P<kind>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_TYPES = {"int": "integer"}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}}},
        },
        "report": {"description": "The SHACL validation report as JSON-LD."},
    },
}


def build(app: Flask, version: str) -> dict[str, Any]:
    """Write the document for all routes of an application but static files."""
    hub = app.extensions["hub"]
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        operation: Operation | None = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation is not None:
            for method in sorted(rule.methods or ()):
                if method not in ("HEAD", "OPTIONS"):
                    paths.setdefault(_PART.sub(r"{\g<name>}", rule.rule), {})[method.lower()] = _operation(rule, method, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CORDS Hub",
            "version": version,
            "summary": "The knowledge graph of an organisation's machine-learning assets.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": hub.settings.base_iri.rstrip("/")}],
        "paths": paths,
        "components": {
            "schemas": {
                "Problem": _PROBLEM,
                **{schemas.name_of(kind): schemas.schema_of(hub.registry, kind) for kind in hub.registry.kinds.values()},
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}, "basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation(rule: Rule, method: str, operation: Operation) -> dict[str, Any]:
    return describe(f"{rule.endpoint.replace('.', '_').replace('-', '_')}_{method.lower()}", operation, _path_parameters(rule))


def describe(id: str, operation: Operation, path_parameters: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Write one operation under an id."""
    written: dict[str, Any] = {
        "operationId": id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*path_parameters, *(_query(each) for each in operation.query), *_headers(operation)],
        "responses": _responses(operation),
        "security": [{"bearer": []}, {"basic": []}, *([{}] if operation.role <= Role.reader else [])],
        "description": f"{operation.description} Needs the role {operation.role.name}.".strip(),
    }
    if operation.body:
        written["requestBody"] = {"required": True, "content": {media: {"schema": schema} for media, schema in operation.body.items()}}
    return written


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": part["name"], "in": "path", "required": True, "schema": {"type": _TYPES.get(part["kind"], "string")}}
        for part in _PART.finditer(rule.rule)
    ]


def _query(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    for word, bound in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
        if bound is not None:
            schema[word] = bound
    written = {"name": parameter.name, "in": "query", "description": parameter.help, "required": parameter.required}
    written["schema"] = {"type": "array", "items": schema} if parameter.many else schema
    return written | ({"example": parameter.example} if parameter.example is not None else {})


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "header", "description": text, "schema": {"type": "string"}} for name, text in operation.headers.items()]


def _responses(operation: Operation) -> dict[str, Any]:
    answers = operation.answers or {200: "answered"}
    written: dict[str, Any] = {}
    for status, text in sorted(answers.items()):
        response: dict[str, Any] = {"description": text}
        if 200 <= status < 300 and status != 204 and operation.content:
            response["content"] = {media: {"schema": schema} for media, schema in operation.content.items()}
        elif status >= 400:
            response["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        written[str(status)] = response
    written["default"] = {"description": "a problem", "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return written
