"""Single RDF terms as JSON writes them, in the forms of expanded JSON-LD: value objects, node references, text in languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyoxigraph import Literal, NamedNode

from server.graph.literals import from_json
from server.graph.vocabulary import RDF, expand
from server.store.base import Term


def resource_or_literal(value: Any) -> Term:
    """Read a value of a statement of the owner's own; raise `ValueError` with the forms that exist."""
    if isinstance(value, dict) and set(value) == {"@id"} and isinstance(value["@id"], str):
        return NamedNode(value["@id"])
    if isinstance(value, dict):
        return literal_of(value)
    if isinstance(value, (str, int, float)):
        return from_json(value, frozenset())
    raise ValueError('Write a plain value, {"@id": …} or {"@value": …, "@type" or "@language": …}.')


def literal_of(value: Mapping[str, Any]) -> Literal:
    """Read a value object; raise `ValueError` saying what is wrong with it."""
    text, language, datatype = value.get("@value"), value.get("@language"), value.get("@type")
    if set(value) - {"@value", "@language", "@type"} or not isinstance(text, (str, int, float)) or (language is not None and datatype is not None):
        raise ValueError('takes {"@value": …} with "@type" or "@language".')
    plain = from_json(text, frozenset())
    if language is not None:
        if not isinstance(language, str) or not language.replace("-", "").isalnum() or not language[0].isalpha():
            raise ValueError(f"has a language tag that is none: {str(language)[:20]!r}.")
        return Literal(plain.value, language=language.lower())
    if datatype is None:
        return plain
    kind = NamedNode(expand(str(datatype)))
    if kind in (RDF.langString, RDF.dirLangString):
        raise ValueError("needs @language, not @type, for text in a language.")
    return Literal(plain.value, datatype=kind)


def tagged(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Read text in several languages: yield (tag, text); raise `ValueError` for a text that is none."""
    for language, texts in value.items():
        for text in texts if isinstance(texts, list) else [texts]:
            if not isinstance(text, str):
                raise ValueError("takes text, or an object of language tags and texts.")
            yield language, text
