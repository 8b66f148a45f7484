"""`python -m sandbox`: a local AWS on loopback ports."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shutil
import sys
import warnings
from pathlib import Path

from .http_server import bind, port_of


def main() -> int:
    args = _arguments()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    # moto warns of each error code that isn't in an API's model. AWS answers with many of them.
    warnings.filterwarnings("ignore", message=".*does not match an error shape", category=UserWarning)
    # Bound now, but clients are refused until the sandbox is ready. Only a port that the user chose may be reused: a
    # sandbox may just have ended there.
    try:
        api = bind(args.port, reuse=args.port != 0)
        front_door = bind(args.front_door_port)
    except OSError as error:
        sys.exit(f"can't listen on port {args.port} or {args.front_door_port}: {error.strerror}")
    _set_environment(port_of(api))

    # Imported here because moto reads its settings when it is imported.
    from . import components
    from .app import Sandbox
    from .forking import Process, end

    args.data_dir.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(
        data_dir=args.data_dir.resolve(),
        node=args.node or shutil.which("node"),
        port=port_of(api),
        front_door_port=port_of(front_door),
        time_scale=args.time_scale,
    )
    components.install(sandbox)
    if args.preload:
        sandbox.preload()
    # To search the imported modules for garbage again and again takes a tenth of all CPU time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    process = Process(sandbox)
    if args.exit_with_parent:
        process.stop_with_stdin()
    process.start(api, front_door)
    print(f"ready port={sandbox.port} front_door={sandbox.front_door_port}", flush=True)
    process.run()
    sandbox.stop()
    end()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="the port of AWS calls; 0: any free one")
    parser.add_argument("--front-door-port", type=int, default=0, help="the port of load balancers; 0: any free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="the folder of unpacked functions")
    parser.add_argument(
        "--time-scale", type=float, default=0, help="divides the durations that AWS takes; 0: no durations"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when stdin is closed, as it is when the parent dies"
    )
    parser.add_argument("--preload", action="store_true", help="load all services before the first call")
    parser.add_argument("--node", help="the Node.js that runs Lambda functions; default: the one on PATH")
    return parser.parse_args()


def _set_environment(port: int) -> None:
    os.environ["MOTO_PORT"] = str(port)
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    # Flask must not answer an error with its debugger's page.
    os.environ.pop("FLASK_DEBUG", None)
    # moto calls AWS through boto3 in places. It must not have real credentials.
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)
    os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "sandbox"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")


if __name__ == "__main__":
    sys.exit(main())
