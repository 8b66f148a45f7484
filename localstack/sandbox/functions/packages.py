"""Unpacks uploaded function code, once per content."""

from __future__ import annotations

import io
import os
import shutil
import threading
import zipfile
from pathlib import Path


class Packages:
    def __init__(self, root: Path):
        self._root = root
        self._lock = threading.Lock()

    def unpack(self, name: str, digest: str, archive: bytes) -> Path:
        """Returns the folder with the code. `digest` is the hexadecimal hash of the archive."""
        folder = self._root / f"{name}-{digest[:16]}"
        with self._lock:
            if not folder.exists():
                # Unpacked under another name and renamed, so that the folder is always complete.
                unfinished = folder.with_suffix(".part")
                shutil.rmtree(unfinished, ignore_errors=True)
                with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
                    zipped.extractall(unfinished)
                os.rename(unfinished, folder)
        return folder

    def clear(self) -> None:
        with self._lock:
            shutil.rmtree(self._root, ignore_errors=True)
