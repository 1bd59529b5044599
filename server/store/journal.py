"""The journal of the embedded store: a file of update texts, on the disk before a write is acknowledged.

Framing: a header (magic, base position, crc), then records (length and crc of the rest, position, durable position, text).
The durable position tells what had reached the disk when the record was appended. Recovery needs it to tell a torn end,
which nobody was promised, from damage to what was acknowledged. Nothing about RDF belongs here.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from server.errors import StoreUnavailable
from server.store.folder import write_durably

_HEADER = struct.Struct("<8sQI")
_FRAME = struct.Struct("<II")
_POSITIONS = struct.Struct("<QQ")
_MAGIC = b"HUBJRNL1"


@dataclass(frozen=True)
class Record:
    """One update that was applied at a position."""

    position: int
    text: str


class Journal:
    """Append records; `sync` returns when a record is on the disk, one fdatasync for all threads that wait."""

    def __init__(self, path: Path, base: int) -> None:
        """Replace the file by an empty journal that continues after `base`, in one step that survives a power cut."""
        header = _HEADER.pack(_MAGIC, base, zlib.crc32(_MAGIC + base.to_bytes(8, "little")))
        write_durably(path, header)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = len(header)
        self._appended = self._synced = base
        self._failure: OSError | None = None
        self._syncing = False
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """Tell how long the file is."""
        return self._size

    @property
    def empty(self) -> bool:
        """Tell whether nothing was appended."""
        return self._size == _HEADER.size

    def append(self, position: int, text: str) -> None:
        """Add a record; the caller lets one thread in at a time and calls `sync` afterwards. Raises `OSError`."""
        payload = _POSITIONS.pack(position, self._synced) + text.encode()
        record = memoryview(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)
        try:
            while record:
                record = record[os.write(self._file, record) :]
        except OSError as error:
            self._fail(error)
            raise
        self._size += _FRAME.size + len(payload)
        self._appended = position

    def sync(self, position: int) -> None:
        """Return when the record at a position, and all before it, are on the disk. Raises `OSError`."""
        with self._changed:
            while self._syncing and self._synced < position and self._failure is None:
                self._changed.wait()
            if self._synced >= position:
                return
            if self._failure is not None:
                raise OSError(self._failure.errno, f"The journal cannot be written: {self._failure}")
            self._syncing = True
            reached = self._appended
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._fail(error)
            raise
        finally:
            with self._changed:
                if self._failure is None:
                    self._synced = max(self._synced, reached)
                self._syncing = False
                self._changed.notify_all()

    def _fail(self, error: OSError) -> None:
        # After a failed fsync the kernel may have dropped the pages, so a later success would prove nothing.
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def retire(self) -> None:
        """Close the file after the store itself has been flushed: whatever was appended is durable there."""
        with self._changed:
            self._changed.wait_for(lambda: not self._syncing)
            self._synced = max(self._synced, self._appended)
            self._changed.notify_all()
            os.close(self._file)


@dataclass(frozen=True)
class Recovery:
    """What a journal holds: where it began, its records up to the first damage, and what it had promised.

    `promised` above the last record and above the database's own position means that acknowledged writes cannot be read.
    """

    base: int | None
    records: tuple[Record, ...]
    promised: int
    damaged_at: int | None

    @property
    def last(self) -> int | None:
        """Tell the last position that can be read."""
        return self.records[-1].position if self.records else self.base


def recover(path: Path) -> Recovery:
    """Read the journal; a missing one is empty. Raises `StoreUnavailable` if the file is none."""
    if not path.exists():
        return Recovery(None, (), 0, None)
    content = path.read_bytes()
    base = _base(path, content)
    records, promised, end = [], base, _HEADER.size
    while (found := _record(content, end)) is not None:
        record, durable, end = found
        records.append(record)
        promised = max(promised, durable)
    if end == len(content):
        return Recovery(base, tuple(records), promised, None)
    behind = (found for start in range(end + 1, len(content)) if (found := _record(content, start)) is not None)
    return Recovery(base, tuple(records), max([promised, *(durable for _, durable, _ in behind)]), end)


def _base(path: Path, content: bytes) -> int:
    if len(content) >= _HEADER.size:
        magic, base, crc = _HEADER.unpack_from(content)
        if magic == _MAGIC and crc == zlib.crc32(_MAGIC + base.to_bytes(8, "little")):
            return int(base)
    # The header is on the disk before the file gets its name, so this is no torn write.
    raise StoreUnavailable(
        f"{path} is no journal of this hub, or its header is damaged. Restore a backup; or move the file away to go on without it."
    )


def _record(content: bytes, start: int) -> tuple[Record, int, int] | None:
    """Read the record at an offset, the durable position that it notes and where the next one starts; None if there is none."""
    if start + _FRAME.size + _POSITIONS.size > len(content):
        return None
    length, crc = _FRAME.unpack_from(content, start)
    first, after = start + _FRAME.size, start + _FRAME.size + length
    if length < _POSITIONS.size or after > len(content) or zlib.crc32(content[first:after]) != crc:
        return None
    position, durable = _POSITIONS.unpack_from(content, first)
    return Record(position, content[first + _POSITIONS.size : after].decode()), durable, after
