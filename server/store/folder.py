"""The folder of an embedded store: who may use it, which generation is current, how names and small files reach the disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from server.errors import StoreUnavailable

_CURRENT = "current"


def lock_folder(path: Path) -> int:
    """Take the folder for this process until the returned file is closed; the kernel lets go of it however the process ends."""
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 32).decode() or "unknown"
        os.close(lock)
        raise StoreUnavailable(
            f"The store in {path} is open in process {holder}; an embedded store belongs to one process. Stop that one first."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def current_generation(path: Path) -> int:
    """Read which generation is in use; a new folder begins with 1."""
    file = path / _CURRENT
    return int(file.read_text()) if file.exists() else 1


def set_current_generation(path: Path, number: int) -> None:
    """Make a generation, whose files are on the disk, the current one."""
    sync_folder(path / str(number))
    sync_folder(path)
    write_durably(path / _CURRENT, str(number).encode())


def remove_other_generations(path: Path, current: int) -> None:
    """Remove what a swap left behind: older generations, and newer ones that were never finished."""
    for folder in path.iterdir():
        if folder.name.isdecimal() and int(folder.name) != current:
            shutil.rmtree(folder)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that appears under its name whole or not at all, power cuts included."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def free_bytes(path: Path) -> int:
    """Tell how much of the disk the process may still fill."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize
