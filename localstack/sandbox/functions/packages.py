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
        """The folder that holds the code; `digest` (hex) tells one content from another."""
        folder = self._root / f"{name}-{digest[:16]}"
        with self._lock:
            if not folder.exists():
                # Unpacked aside and renamed, so that a half-written folder is never taken for a whole one.
                aside = folder.with_suffix(".part")
                shutil.rmtree(aside, ignore_errors=True)
                with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
                    zipped.extractall(aside)
                os.rename(aside, folder)
        return folder

    def clear(self) -> None:
        with self._lock:
            shutil.rmtree(self._root, ignore_errors=True)
