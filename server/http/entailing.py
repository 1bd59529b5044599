"""The parameter `reasoning` of queries: the answer as RDFS has it, without the asker knowing the hierarchy."""

from __future__ import annotations

from collections.abc import Sequence

from server.errors import Fault, Malformed
from server.http.auth import current_hub
from server.http.operations import Parameter
from server.store.guard import inspect

RDFS, NONE = "rdfs", "none"
REASONING = Parameter(
    "reasoning", "rdfs: classes and properties stand for those below them too; none, the default: for themselves", choices=(NONE, RDFS)
)


def entailed(sparql: str, wishes: Sequence[str]) -> str:
    """Rewrite a query if that is wished; raise `Malformed` for a wish that nobody can fulfil."""
    wish = wishes[-1].lower() if wishes else NONE
    if wish not in ("", NONE, RDFS):
        message = f"reasoning is {RDFS} or {NONE}."
        raise Malformed(message, faults=[Fault("?reasoning", message)])
    if wish != RDFS:
        return sparql
    inspect(sparql)  # what is not allowed is refused at its own place in the text
    return current_hub().linked.entail(sparql)
