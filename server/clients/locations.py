"""The ways in which MLflow says where a model lies, each read into what can be asked of the tracking server."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.errors import Fault, Malformed

_RUN = r"(?P<run>[A-Za-z0-9][\w-]{0,255})"
_MODEL = r"(?P<model>m-[0-9a-f]{32})"
_BELOW = r"(?P<name>[^/?#\\\x00-\x1f\x7f]+(?:/[^/?#\\\x00-\x1f\x7f]+)*)/?"
_REGISTERED = r"(?P<name>[^/:@?#\\\x00-\x1f\x7f]{1,256})"
_FORMS = (
    re.compile(rf"mlflow-artifacts:/(?P<experiment>\d+)/models/{_MODEL}/artifacts(?:/{_BELOW})?/?", re.ASCII),
    re.compile(rf"mlflow-artifacts:/(?P<experiment>\d+)/{_RUN}/artifacts/{_BELOW}", re.ASCII),
    re.compile(rf"runs:/{_RUN}/{_BELOW}", re.ASCII),
    re.compile(rf"models:/{_MODEL}", re.ASCII),
    re.compile(rf"models:/{_REGISTERED}/(?P<version>\d+)", re.ASCII),
    re.compile(rf"models:/{_REGISTERED}/(?P<stage>latest|None|Staging|Production|Archived)", re.ASCII | re.IGNORECASE),
    re.compile(rf"models:/{_REGISTERED}@(?P<alias>[^/:@?#\\\x00-\x1f\x7f]{{1,256}})", re.ASCII),
)
# Stores that only whoever keeps them can read: remembered, and never opened by the hub.
_OPAQUE = re.compile(r"(?:s3|gs|gcs|abfss?|wasbs?|adl|dbfs|hdfs|viewfs|sftp|ftp|https?|file|oss|r2):/{1,3}[^\s\x00-\x1f\x7f]+")
_FORM_NAMES = (
    "mlflow-artifacts:/<experiment>/<run>/artifacts/<name>, runs:/<run>/<name>, models:/<name>/<version>, models:/<name>@<alias>, models:/m-<id>"
)


@dataclass(frozen=True)
class Location:
    """Where a model lies; which of the members are there depends on the form that it was written in.

    `run` and `name` (the folder below the run's artifacts), or `model` (a logged model of MLflow 3), or `name` with `version`, `stage`
    or `alias` (the registry), or nothing: somewhere that the tracking server does not know.
    """

    text: str
    experiment: str | None = None
    run: str | None = None
    model: str | None = None
    name: str | None = None
    version: str | None = None
    stage: str | None = None
    alias: str | None = None

    @property
    def opaque(self) -> bool:
        """Tell whether the tracking server can say nothing about it."""
        return self.run is None and self.model is None and self.name is None

    @classmethod
    def parse(cls, text: str, pointer: str = "") -> Location:
        """Read a location; raise `Malformed` for what is none, or climbs out of where it starts."""
        for form in _FORMS:
            if (found := form.fullmatch(text)) and not _climbs(text):
                return cls(text, **found.groupdict())
        if _OPAQUE.fullmatch(text) and not _climbs(text):
            return cls(text)
        message = f"{text[:200]!r} is no location of a model that MLflow gives. Write one as {_FORM_NAMES}, or the address in another store."
        raise Malformed(message, faults=[Fault(pointer, "Not a location of a model.")])


def _climbs(text: str) -> bool:
    return any(segment.strip() in (".", "..") for segment in re.split(r"[/\\]|%2[fF]|%5[cC]", text.replace("%2e", ".").replace("%2E", ".")))
