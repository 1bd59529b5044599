"""Domain exceptions: what can go wrong, in the words of the domain and never of HTTP.

Services, stores and clients raise these; one table in `server.http.problems` maps each class to a status and an
RFC 9457 problem type. `detail` always says what the caller can change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault in a request: a JSON pointer into it (RFC 6901) and what to change there."""

    pointer: str
    message: str


class HubError(Exception):
    """Root of everything the hub refuses or cannot do."""

    def __init__(self, detail: str, *, faults: Sequence[Fault] = (), **members: object) -> None:
        """Keep the sentence for the caller, the faults, and extra members for the problem document."""
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.members: Mapping[str, object] = members


class Malformed(HubError):
    """The request cannot be understood (syntax, unknown or read-only members, bad parameters)."""


class Unauthenticated(HubError):
    """Credentials are missing, wrong, expired or revoked."""


class Forbidden(HubError):
    """The caller is known and may not do this."""


class NotFound(HubError):
    """There is no such thing."""


class Gone(HubError):
    """The thing was deleted; `members` carries its tombstone."""


class NotAcceptable(HubError):
    """None of the media types asked for can be produced."""


class AlreadyExists(HubError):
    """The id, IRI or a unique value is taken."""


class InUse(HubError):
    """Others still refer to the thing; `members["referrers"]` lists them."""


class RevisionMismatch(HubError):
    """`If-Match` names a revision that is not the current one."""


class RevisionRequired(HubError):
    """The write needs `If-Match` and has none."""


class TooLarge(HubError):
    """The body, the result or the work is above a limit of the settings."""


class UnsupportedMediaType(HubError):
    """The body's media type is not one this route reads."""


class DoesNotConform(HubError):
    """The graph was understood and violates its shape; `report` is the SHACL report as N-Triples."""

    def __init__(self, detail: str, *, faults: Sequence[Fault] = (), report: str | None = None) -> None:
        """Keep the SHACL validation report beside the faults."""
        super().__init__(detail, faults=faults)
        self.report = report


class TooManyRequests(HubError):
    """The caller has to wait; `retry_after` is in seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        """Keep the number of seconds to wait."""
        super().__init__(detail)
        self.retry_after = retry_after


class QueryRefused(HubError):
    """A stranger's SPARQL is malformed or asks for what is not allowed (SERVICE, remote FROM, …)."""


class QueryTimeout(HubError):
    """A stranger's SPARQL ran into its time limit and was ended."""


class QueryLimit(HubError):
    """A stranger's SPARQL ran into its memory, row or byte limit and was ended."""


class StoreUnavailable(HubError):
    """The store does not answer, or not in time; trying again later may help."""


class StoreFull(HubError):
    """The disk has no room for another write; reads go on."""


class UpstreamUnavailable(HubError):
    """A server behind the hub (MLflow, a connector, a backend) cannot be reached or answers nonsense."""


class UpstreamTimeout(UpstreamUnavailable):
    """A server behind the hub did not answer in time."""
