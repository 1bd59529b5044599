"""The embedded store: pyoxigraph in this process, so that a fresh machine needs neither Java nor Docker.

A folder holds `lock`, `current` (the name of the generation in use), `<generation>/db`, `<generation>/journal` and `checkpoints/`.
What cannot be one database transaction (a restore, a huge load) is built as a new generation beside the old one and swapped in.
Updates must not use `NOW`, `RAND`, `UUID` or `STRUUID`: a replay of the journal would answer differently.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import pyoxigraph
from pyoxigraph import BlankNode, DefaultGraph, NamedNode, Quad, Triple

from server.errors import StoreFull, StoreUnavailable
from server.store.base import Answer, Form, Limits, Row
from server.store.checkpoints import Checkpoints
from server.store.child import ChildPool
from server.store.folder import current_generation, free_bytes, lock_folder, remove_other_generations, set_current_generation
from server.store.generation import Generation, build
from server.store.text import block, write

MIB = 1 << 20
_QUAD_BYTES = 256
_SMALL = 2_000  # quads; up to this one journaled update is cheaper than new database files
_BULK = 100_000  # quads; above this a load is built as a generation, so that it need not fit into memory


class EmbeddedStore:
    """A `Store` in a folder of this machine, open in one process at a time."""

    def __init__(self, path: Path | None, *, reserve: int = 64 * MIB, journal_bytes: int = 8 * MIB, children: int = 4) -> None:
        """Open or create the store; without a path it lives in a temporary folder until it is closed.

        Writes are refused while less than `reserve` bytes of the disk are free; the journal starts anew above `journal_bytes`.
        Up to `children` strangers' queries run at the same time.
        """
        self._temporary = None if path else tempfile.TemporaryDirectory(prefix="hub-store-")
        self._path = path if path else Path(self._temporary.name)  # type: ignore[union-attr]  # one of both is there
        self._reserve, self._journal_bytes = reserve, journal_bytes
        self._writing = threading.Lock()
        self._writes = 0
        self._failure: str | None = None
        self._children = ChildPool(children)
        self._path.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self._path)
        try:
            self._number = current_generation(self._path)
            remove_other_generations(self._path, self._number)
            self._generation: Generation | None = Generation(self._path / str(self._number))
            self._checkpoints = Checkpoints(self._path / "checkpoints", lambda: self._writes, self._make_checkpoint)
        except BaseException:
            os.close(self._lock)
            raise

    def _make_checkpoint(self, folder: Path) -> None:
        # Writers wait these milliseconds: RocksDB begins a new log before it syncs the old one, and a power cut in between must
        # not find anything in the new log.
        with self._writing, _reading():
            self._database.backup(str(folder))

    @property
    def _database(self) -> pyoxigraph.Store:
        return self._open_generation().database

    def _open_generation(self) -> Generation:
        if self._generation is None:
            raise StoreUnavailable("The store is closed.")
        return self._generation

    # Reading: never waits for a writer

    def select(self, sparql: str) -> list[Row]:
        """Answer a SELECT as rows of bound variables."""
        with _reading():
            solutions = self._database.query(sparql, use_default_graph_as_union=True)
            names = [variable.value for variable in solutions.variables]  # type: ignore[union-attr]
            return [
                {name: value for name, value in zip(names, solution, strict=True) if value is not None}
                for solution in solutions  # type: ignore[union-attr]
            ]

    def ask(self, sparql: str) -> bool:
        """Answer an ASK."""
        with _reading():
            return bool(self._database.query(sparql, use_default_graph_as_union=True))

    def triples(self, sparql: str) -> list[Triple]:
        """Answer a CONSTRUCT or DESCRIBE."""
        with _reading():
            return list(self._database.query(sparql, use_default_graph_as_union=True))  # type: ignore[arg-type]

    def graph(self, name: NamedNode) -> list[Triple]:
        """Read one named graph; an unknown one is empty."""
        with _reading():
            return [quad.triple for quad in self._database.quads_for_pattern(None, None, None, name)]

    def dump(self) -> Iterator[Quad]:
        """Iterate over every quad of one consistent state."""
        return iter(self._database)

    def stranger(self, sparql: str, form: Form, media_type: str, limits: Limits, *, default: Iterable[str] = (), named: Iterable[str] = ()) -> Answer:
        """Run a stranger's query in a process that can be killed, on a checkpoint of everything written so far."""
        with self._checkpoints.current() as checkpoint:
            return self._children.run(checkpoint, sparql, form, media_type, limits, default, named)

    def health(self) -> None:
        """Return if reading works and the last write did not fail."""
        self.ask("ASK {}")
        if self._failure:
            with self._writing:
                self._heal(self._open_generation())

    # Writing: one at a time; waiting for the disk is shared

    def update(self, sparql: str) -> None:
        """Run one update request, all of it or nothing; durable when it returns. Raises `ValueError` for a text that is no update."""
        with self._writer(len(sparql)) as generation, self._noting_faults():
            if generation.journal.size > self._journal_bytes:
                generation.rotate()
            self._writes += 1  # before the write, for whoever sees that must get a checkpoint that has it
            position = generation.apply(sparql)
            journal = generation.journal
            journal.append(position, sparql)
        with self._noting_faults():
            journal.sync(position)

    def load(self, quads: Iterable[Quad]) -> None:
        """Add many quads, all of them or nothing; durable when it returns."""
        remaining = iter(quads)
        batch = list(islice(remaining, _BULK + 1))
        if len(batch) <= _SMALL:
            self.update(_insert_data(batch))
        elif len(batch) <= _BULK:
            with self._writer(_QUAD_BYTES * len(batch)) as generation, self._noting_faults():
                self._writes += 1
                generation.bulk(batch)
        else:
            self._swap(lambda folder: self._database.backup(str(folder)), chain(batch, remaining))

    def claim(self, old: Quad, new: Quad, quads: Sequence[Quad], conditions: str) -> bool:
        """Exchange a quad and add many, if the conditions hold; no other writer comes between."""
        with self._writer(_QUAD_BYTES * len(quads)) as generation, self._noting_faults():
            if not self.ask(f"ASK {{ {block(old)} {conditions} }}"):
                return False
            self._writes += 1
            generation.bulk(list(quads))
            exchange = f"DELETE DATA {{ {block(old)} }} ; INSERT DATA {{ {block(new)} }}"
            position = generation.apply(exchange)
            journal = generation.journal
            journal.append(position, exchange)
        with self._noting_faults():
            journal.sync(position)
        return True

    def replace_all(self, quads: Iterable[Quad]) -> None:
        """Empty the dataset and load these quads, all of them or nothing."""
        self._swap(lambda folder: None, quads)

    def _swap(self, begin: Callable[[Path], None], quads: Iterable[Quad]) -> None:
        """Build the next generation from nothing, or from what `begin` lays into its database."""
        with self._writer(0) as old:

            def make(folder: Path) -> None:
                begin(folder / "db")
                build(folder, quads, old.position)

            self._advance(old, make)

    def _advance(self, old: Generation, make: Callable[[Path], None]) -> Generation:
        """Make the next generation beside this one and the current one; the files of the old one go at the next start."""
        folder = self._path / str(self._number + 1)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            make(folder)
            fresh = Generation(folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
        set_current_generation(self._path, self._number + 1)
        self._number += 1
        self._generation = fresh
        self._writes += 1
        old.journal.retire()
        return fresh

    @contextmanager
    def _writer(self, size: int) -> Iterator[Generation]:
        with self._writing:
            generation = self._open_generation()
            if (free := free_bytes(self._path)) < self._reserve + 4 * size:
                raise StoreFull(
                    f"The disk of the store has {free // MIB} MiB left, {self._reserve // MIB} MiB are kept free. Make room; reading goes on."
                )
            yield self._heal(generation)

    def _heal(self, generation: Generation) -> Generation:
        """After a failed write, go on only when the database takes one, has everything on the disk, and a new journal could begin."""
        if self._failure is None:
            return generation
        try:
            try:
                generation.apply("")
            except (OSError, RuntimeError):  # there are failures after which RocksDB takes no write until it is opened again
                generation = self._advance(generation, generation.copy)
            else:
                generation.rotate()
        except (OSError, RuntimeError, StoreUnavailable) as error:
            raise StoreUnavailable(f"{self._failure} It cannot be written yet: {error}") from error
        self._failure = None
        return generation

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failure = f"A write failed: {error}."
            if "No space left" in str(error):
                raise StoreFull("The disk of the store is full. Make room; reading goes on.") from error
            raise StoreUnavailable(self._failure) from error
        except (SyntaxError, RuntimeError) as error:
            if "orruption" in str(error):
                self._failure = f"A write failed: {error}."
                raise StoreUnavailable(self._failure) from error
            raise ValueError(f"The update cannot be run: {error}") from error

    def close(self) -> None:
        """Finish the write that runs, leave an empty journal, and let the next process have the folder."""
        with self._writing:
            if (generation := self._generation) is None:
                return
            self._generation = None
            self._children.close()
            generation.close()
            self._checkpoints.clear()
            os.close(self._lock)
            if self._temporary:
                self._temporary.cleanup()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # pyoxigraph reports a corrupt file as RuntimeError
        raise StoreUnavailable(f"The store cannot be read: {error}") from error


def _insert_data(quads: Iterable[Quad]) -> str:
    graphs: defaultdict[NamedNode | BlankNode | DefaultGraph, list[Triple]] = defaultdict(list)
    for quad in quads:
        graphs[quad.graph_name].append(quad.triple)
    blocks = (f"GRAPH {name} {{ {write(triples)} }}" if isinstance(name, NamedNode) else write(triples) for name, triples in graphs.items())
    return f"INSERT DATA {{ {' '.join(blocks)} }}"
