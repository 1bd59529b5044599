"""Online backup and restore: one zip archive with both datasets as sorted N-Quads, the bundles, and a manifest with checksums.

Each dataset is dumped from one consistent state. The system dataset comes first: an account in it then always finds its person
in the knowledge graph, which is dumped later. Sorting makes two backups of the same state equal byte for byte. The index is
left out: it is rebuilt from the change log.
"""

from __future__ import annotations

import hashlib
import heapq
import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO

from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, parse, serialize

from server.errors import Malformed
from server.graph.vocabulary import HUB
from server.services.migrations import current_version, set_base, state
from server.store.base import Store

Watch = Callable[[Iterable[bytes], str], Iterable[bytes]]
"""Goes through items while it shows how far it is."""

FORMAT = 1
MANIFEST = "manifest.json"
_BUNDLES = "bundles/"
_CHUNK = 400_000  # lines that are sorted in memory at once, about 100 MB
_BLOCK = 1 << 20


@dataclass
class Manifest:
    """What an archive says about itself."""

    base_iri: str
    schema: int
    created: str
    format: int = FORMAT
    counts: dict[str, int] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)


def unwatched(items: Iterable[bytes], what: str) -> Iterable[bytes]:
    """Go through items without showing anything."""
    return items


def sorted_lines(quads: Iterable[Quad], chunk: int = _CHUNK) -> Iterator[bytes]:
    """Write quads as sorted N-Quads lines, however many there are: sorted runs on disk, merged."""
    remaining = iter(quads)
    with ExitStack() as stack:
        runs: list[Iterable[bytes]] = []
        while part := list(islice(remaining, chunk)):
            written = serialize(part, format=RdfFormat.N_QUADS) or b""
            lines = sorted(written.splitlines(keepends=True))
            run = stack.enter_context(tempfile.TemporaryFile())
            run.writelines(lines)
            run.seek(0)
            runs.append(run)
        yield from heapq.merge(*runs)


def backup(kg: Store, system: Store, bundles: Path, target: Path, watch: Watch = unwatched) -> Manifest:
    """Write an archive while the hub runs; the file appears whole or not at all."""
    found = state(system)
    if found is None:
        raise Malformed("This store has not been used by a hub yet; there is nothing to back up.")
    manifest = Manifest(found.base_iri, found.version, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    part = target.with_name(target.name + ".part")
    try:
        with _private(part) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
                _fill(archive, {"system": system, "kg": kg}, bundles, manifest, watch)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _private(path: Path) -> IO[bytes]:
    # Hashes of passwords and tokens are inside: nobody but the owner may read it.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")


def _fill(archive: zipfile.ZipFile, datasets: Mapping[str, Store], bundles: Path, manifest: Manifest, watch: Watch) -> None:
    for name, store in datasets.items():
        manifest.counts[name] = _write(archive, f"{name}.nq", watch(sorted_lines(store.dump()), name), manifest)
    for path in sorted(path for path in bundles.rglob("*") if path.is_file()):
        info = zipfile.ZipInfo(_BUNDLES + path.relative_to(bundles).as_posix())  # stored, not deflated: bundles are compressed already
        with path.open("rb") as source:
            _write(archive, info, watch(_blocks(source), path.name), manifest)
    archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))


def _write(archive: zipfile.ZipFile, member: str | zipfile.ZipInfo, pieces: Iterable[bytes], manifest: Manifest) -> int:
    digest, count = hashlib.sha256(), 0
    with archive.open(member, "w", force_zip64=True) as raw, io.BufferedWriter(raw, _BLOCK) as output:
        for piece in pieces:
            digest.update(piece)
            output.write(piece)
            count += 1
    manifest.sha256[member if isinstance(member, str) else member.filename] = digest.hexdigest()
    return count


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """Read what an archive says about itself. Raises `Malformed` for one that this hub cannot restore."""
    try:
        manifest = Manifest(**json.loads(archive.read(MANIFEST)))
    except (KeyError, ValueError, TypeError) as error:
        raise Malformed("This is no backup of a hub: its manifest is missing or unreadable.") from error
    if manifest.format != FORMAT or manifest.schema > current_version():
        raise Malformed(f"The backup was written by a newer hub (format {manifest.format}, schema {manifest.schema}); restore it with that one.")
    return manifest


def restore(source: Path, kg: Store, system: Store, bundles: Path, base_iri: str, *, rebase: bool = False, watch: Watch = unwatched) -> Manifest:
    """Fill both datasets and the bundles from an archive; every checksum is compared before anything is changed."""
    with _open(source) as archive:
        manifest = read_manifest(archive)
        if manifest.base_iri != base_iri and not rebase:
            raise Malformed(
                f"The backup's IRIs start with {manifest.base_iri}, HUB_BASE_IRI is {base_iri}; use the same, or --rebase to rewrite them."
            )
        _verify(archive, manifest, bundles, watch)
        for name, store in (("kg", kg), ("system", system)):
            with archive.open(f"{name}.nq") as file:
                quads: Iterable[Quad] = parse(file, format=RdfFormat.N_QUADS)
                store.replace_all(rebased(quads, manifest.base_iri, base_iri) if manifest.base_iri != base_iri else quads)
        _unpack(archive, bundles, watch)
    if manifest.base_iri != base_iri:
        set_base(system, base_iri)
    return manifest


def _open(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise Malformed(f"{source} cannot be read as a backup: {error}") from error


def _verify(archive: zipfile.ZipFile, manifest: Manifest, bundles: Path, watch: Watch) -> None:
    members = set(archive.namelist()) - {MANIFEST}
    if members != manifest.sha256.keys() or not {"kg.nq", "system.nq"} <= members:
        raise Malformed("The backup is incomplete: its files are not those of its manifest.")
    for name in sorted(members):
        if name.startswith(_BUNDLES) and not _bundle(bundles, name).is_relative_to(bundles.resolve()):
            raise Malformed(f"The backup names a file outside of its bundles: {name}")
        digest = hashlib.sha256()
        try:
            with archive.open(name) as file:
                for block in watch(_blocks(file), f"verify {name}"):
                    digest.update(block)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise Malformed(f"The backup is damaged at {name}: {error}") from error
        if digest.hexdigest() != manifest.sha256[name]:
            raise Malformed(f"The backup is damaged: the checksum of {name} is another one.")


def _bundle(bundles: Path, name: str) -> Path:
    return (bundles / name.removeprefix(_BUNDLES)).resolve()


def _unpack(archive: zipfile.ZipFile, bundles: Path, watch: Watch) -> None:
    for name in archive.namelist():
        if not name.startswith(_BUNDLES):
            continue
        target = _bundle(bundles, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as file, target.open("wb") as output:
            for block in watch(_blocks(file), target.name):
                output.write(block)


def rebased(quads: Iterable[Quad], old: str, new: str) -> Iterator[Quad]:
    """Rewrite every IRI below one base to another, those inside the patches of revisions too."""

    def moved(term: object) -> object:
        if isinstance(term, NamedNode) and term.value.startswith(old):
            return NamedNode(new + term.value[len(old) :])
        return term

    for quad in quads:
        value = moved(quad.object)
        if quad.predicate == HUB.patch and isinstance(value, Literal):
            value = Literal(value.value.replace(f"<{old}", f"<{new}"))
        yield Quad(moved(quad.subject), quad.predicate, value, moved(quad.graph_name))  # type: ignore[arg-type]  # the kind of term stays
