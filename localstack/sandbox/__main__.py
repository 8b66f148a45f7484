"""`python -m sandbox`: a local AWS on loopback."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import Any


def main() -> int:
    args = _arguments()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # moto warns of every error code that an API's model doesn't list, and AWS answers many such.
    warnings.filterwarnings("ignore", message=".*does not match an error shape", category=UserWarning)
    # It is ours from now on, and nobody is heard at it before all is ready.
    listener = socket.socket()
    # Whoever names a port may just have ended a sandbox there; one that is chosen must be nobody else's.
    if args.port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", args.port))
    except OSError as error:
        sys.exit(f"port {args.port}: {error.strerror}")
    # For the next one at this port: connections hold on to it for a minute otherwise.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = listener.getsockname()[1]
    _set_environment(port)

    # Only now: moto reads its settings when it is imported.
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    from . import components
    from .app import Sandbox

    args.data_dir.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(
        data_dir=args.data_dir.resolve(),
        node=args.node or shutil.which("node"),
        port=port,
        front_door_port=args.front_door_port,
        time_scale=args.time_scale,
    )
    components.install(sandbox)
    listener.listen(128)
    handler = _handler(MotoRequestHandler)
    server = make_server("127.0.0.1", port, sandbox, threaded=True, request_handler=handler, fd=listener.fileno())
    # The server has its own hold on it, and lets go when it ends.
    listener.close()
    server.daemon_threads = True

    def stop(_signal: int, _frame: Any) -> None:
        sandbox.ready = False
        # shutdown() waits for the loop that this handler interrupted, hence the thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if args.exit_with_parent:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    # What was imported stays: looking through it for garbage again and again is a tenth of all work.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sandbox.ready = True
    print(f"ready port={port} front_door={sandbox.front_door_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="where AWS calls go; 0 chooses a free port")
    parser.add_argument("--front-door-port", type=int, default=0, help="where requests to load balancers go; 0 chooses")
    parser.add_argument("--data-dir", type=Path, required=True, help="where unpacked functions and the like are kept")
    parser.add_argument(
        "--time-scale", type=float, default=0, help="durations as on AWS divided by this; 0: none at all"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when stdin closes, as it does when the parent dies"
    )
    parser.add_argument("--node", help="the node binary that runs Lambda functions; else the one on PATH")
    return parser.parse_args()


def _set_environment(port: int) -> None:
    os.environ["MOTO_PORT"] = str(port)
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    # Flask must not answer an error with its debugger's page.
    os.environ.pop("FLASK_DEBUG", None)
    # moto itself calls AWS through boto3 in places: never with a person's real credentials or profile.
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)
    os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "sandbox"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")


def _end_with_stdin() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _handler(moto_handler: type) -> type:
    class Handler(moto_handler):  # type: ignore[misc, valid-type]
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: Any) -> None:
            """One line a call would bury what matters."""

    return Handler


if __name__ == "__main__":
    sys.exit(main())
