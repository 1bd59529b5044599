"""Give a graph the form of a tree: JSON-LD by a frame, and pages by a template over that tree.

A frame carries its whole context, and nothing is ever fetched: a frame or document that names a remote context is an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

import orjson
from jinja2 import Environment, StrictUndefined
from pyld import jsonld
from pyoxigraph import Literal, NamedNode, Triple

from server.graph.literals import plain
from server.graph.vocabulary import RDF, RDFS, XSD

_NATIVE = (XSD.integer, XSD.boolean, XSD.double)
_MARKDOWN = re.compile(r"([\\`*_\[\]|~])")


def framed(triples: Iterable[Triple], frame: Mapping[str, Any], things: Sequence[str]) -> list[dict[str, Any]]:
    """Write some things of a graph as trees, without their context; each in the order of the frame's context."""
    wanted = {**frame, "@id": list(things)}
    options = {"documentLoader": _fetch_nothing, "omitGraph": False, "pruneBlankNodeIdentifiers": True}
    found = jsonld.frame(expanded(triples), wanted, options)["@graph"]
    order = {key: place for place, key in enumerate(frame["@context"])}
    return [_ordered(each, order) for each in found]


def expanded(triples: Iterable[Triple]) -> list[dict[str, Any]]:
    """Write triples as expanded JSON-LD, with numbers and booleans as JSON has them."""
    nodes: dict[str, dict[str, Any]] = {}
    for triple in sorted(triples, key=str):
        subject = _name(triple.subject)
        node = nodes.setdefault(subject, {"@id": subject})
        if triple.predicate == RDF.type and isinstance(triple.object, NamedNode):
            node.setdefault("@type", []).append(triple.object.value)
        else:
            node.setdefault(triple.predicate.value, []).append(_value(triple.object))
    return list(nodes.values())


def _name(term: Any) -> str:
    return term.value if isinstance(term, NamedNode) else str(term)


def _value(term: Any) -> dict[str, Any]:
    if not isinstance(term, Literal):
        return {"@id": _name(term)}
    if term.language:
        return {"@value": term.value, "@language": term.language}
    if term.datatype == XSD.string:
        return {"@value": term.value}
    native = plain(term) if term.datatype in _NATIVE else term.value
    return {"@value": native} if not isinstance(native, str) else {"@value": term.value, "@type": term.datatype.value}


def _ordered(tree: Any, order: Mapping[str, int]) -> Any:
    """Put members in the order of the context, and parts that have a position in that order."""
    if isinstance(tree, list):
        made = [_ordered(each, order) for each in tree]
        return sorted(made, key=lambda each: each["position"]) if made and all(_position(each) for each in made) else made
    if not isinstance(tree, dict):
        return tree
    return {key: _ordered(tree[key], order) for key in sorted(tree, key=lambda key: (not key.startswith("@"), order.get(key, len(order)), key))}


def _position(tree: Any) -> bool:
    return isinstance(tree, dict) and isinstance(tree.get("position"), int)


def _fetch_nothing(url: str, options: Any) -> NoReturn:
    raise ValueError(f"A frame has its context inside; {url} is not fetched.")


def check_frame(frame: Any) -> None:
    """Raise `ValueError` for a frame that the library cannot use or that names a remote context."""
    if not isinstance(frame, dict) or not isinstance(frame.get("@context"), dict):
        raise ValueError("a frame is an object whose @context is an object")
    try:
        framed([Triple(NamedNode("urn:x"), RDFS.label, Literal("x"))], frame, ["urn:x"])
    except (jsonld.JsonLdError, ValueError) as error:
        raise ValueError(f"the frame cannot be used: {str(error).partition(chr(10))[0][:200]}") from error


def pages(autoescape: bool) -> Environment:
    """Make the environment of templates: for HTML everything is escaped, for Markdown what `text` and `line` are asked for."""
    made = Environment(autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    made.filters |= {
        "line": line,
        "text": text,
        "address": address,
        "ordered": ordered,
        "json": quoted,
        "local": local,
        "spoken": spoken,
        "scalar": scalar,
    }
    return made


def line(value: Any) -> str:
    """Write a value on one line of Markdown, its marks escaped."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(value).split()), quote=False))


def text(value: Any) -> str:
    """Write a text of somebody's in Markdown: it may use Markdown, and no HTML."""
    return html.escape(str(value).strip(), quote=False).replace("&gt;", ">")


def address(value: Any) -> str:
    """Write an address between angle brackets of Markdown, so that it cannot end there."""
    return re.sub(r"[<>\s\\`]", lambda match: quote(match[0], safe=""), str(value))


def ordered(values: Sequence[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Sort parts by some of their members; those without one come first."""
    return sorted(values, key=lambda each: [(type(scalar(each[key])).__name__, scalar(each[key])) if key in each else ("", "") for key in keys])


def scalar(value: Any) -> Any:
    """Return the value of a literal that JSON has no form of its own for, such as NaN."""
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def quoted(value: Any) -> str:
    """Write a value as JSON, which is YAML too; without a mark of HTML, for not everybody who shows a card knows its front matter."""
    return orjson.dumps(value).decode().replace("<", "\\u003c").replace(">", "\\u003e")


def local(value: Any) -> str:
    """Return the end of an IRI."""
    return re.split(r"[/#]", str(value).rstrip("/#"))[-1]


def spoken(value: Any) -> str:
    """Choose among texts in several languages: untagged or English ones first."""
    found = list(value) if isinstance(value, list) else [value]
    found.sort(key=lambda each: isinstance(each, dict) and each.get("@language") != "en")
    return str(scalar(found[0])) if found else ""
