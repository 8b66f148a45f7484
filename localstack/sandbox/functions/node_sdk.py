"""Provides the AWS SDK clients that are part of Lambda's Node.js runtimes.

`npm ci` runs once per lock file, the first time a function needs it, into a cache that sandboxes share.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

RUNTIME = Path(__file__).parent / "runtime"
USES_SDK = re.compile(rb"""['"]@(aws-sdk|smithy)/""")


class NodeSdk:
    def __init__(self, data_dir: Path, node: str):
        self._data_dir = data_dir
        self._node = node
        self._lock = threading.Lock()

    def provide(self, package: Path) -> None:
        """Makes the SDK resolvable for the unpacked function in `package`, if its code imports it.

        Raises RuntimeError when npm can't install it.
        """
        if not _uses_sdk(package):
            return
        link = self._data_dir / "node_modules"
        with self._lock:
            modules = self._installed()
            if link.is_symlink() and not link.exists():
                link.unlink()
            # Node looks for packages in every parent directory's node_modules, ES modules included.
            if not link.exists():
                link.symlink_to(modules)

    def _installed(self) -> Path:
        cache = Path(os.environ.get("PROVISIONER_SANDBOX_CACHE") or self._data_dir)
        digest = hashlib.sha256((RUNTIME / "package-lock.json").read_bytes()).hexdigest()[:16]
        home = cache / f"node-sdk-{digest}"
        done = home / "installed"
        if done.exists():
            return home / "node_modules"
        cache.mkdir(parents=True, exist_ok=True)
        # Other sandboxes may share the cache; only one of them installs.
        with open(cache / f"node-sdk-{digest}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                home.mkdir(exist_ok=True)
                for name in ("package.json", "package-lock.json"):
                    shutil.copyfile(RUNTIME / name, home / name)
                self._npm_ci(home)
                done.touch()
        return home / "node_modules"

    def _npm_ci(self, home: Path) -> None:
        beside_node = Path(self._node).resolve().parent / "npm"
        npm = str(beside_node) if beside_node.exists() else shutil.which("npm")
        if npm is None:
            raise RuntimeError("functions that use the AWS SDK need npm beside node")
        path = os.pathsep.join([str(Path(self._node).parent), os.environ.get("PATH", os.defpath)])
        command = [npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        result = subprocess.run(
            command, cwd=home, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=600
        )
        if result.returncode != 0:
            raise RuntimeError(f"npm ci of the AWS SDK failed: {result.stderr.strip()[-2000:]}")


def _uses_sdk(package: Path) -> bool:
    for folder, folders, files in os.walk(package):
        if (Path(folder) / "node_modules" / "@aws-sdk").is_dir():
            return False  # it has its own SDK
        folders[:] = [name for name in folders if name != "node_modules"]
        for name in files:
            if name.endswith((".js", ".mjs", ".cjs")) and USES_SDK.search((Path(folder) / name).read_bytes()):
                return True
    return False
