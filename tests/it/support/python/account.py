"""Every resource in an account, as JSON: region, kind, id, {"name", "tags"}.

    python account.py us-east-1 us-east-2
    python account.py --kinds    # the kinds that are listed

Kinds have the names of provisioner's resource types. What every account has from the start is left out, and what AWS
creates and deletes along with a listed resource (a VPC's main route table). Tags are None where AWS has none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

# These register the kinds.
import inventory_network  # noqa: F401
import inventory_services  # noqa: F401
from inventory import ALSO_LISTED, GLOBAL, GLOBAL_KINDS, KINDS, Item, Things

HOME = "us-east-1"
# boto3's names of the services whose resource types have another prefix.
SERVICES = {
    "application_autoscaling": "application-autoscaling",
    "elb": "elbv2",
    "secrets": "secretsmanager",
    "waf": "wafv2",
}


def listed(region: str, kinds: dict[str, Callable[[Any], Things]]) -> dict[str, dict[str, Item]]:
    clients: dict[str, Any] = {}
    found = {}
    for name, list_them in kinds.items():
        service = name.partition(".")[0]
        if service not in clients:
            region_name = HOME if region == GLOBAL else region
            clients[service] = boto3.client(SERVICES.get(service, service), region_name=region_name)
        things = dict(list_them(clients[service]))
        if things:
            found[name] = things
    return found


def main(regions: list[str]) -> None:
    if regions == ["--kinds"]:
        print(json.dumps(sorted({*KINDS, *GLOBAL_KINDS, *ALSO_LISTED})))
        return
    kinds_of = {GLOBAL: GLOBAL_KINDS, **{region: KINDS for region in regions}}
    with ThreadPoolExecutor(len(kinds_of)) as pool:
        found = dict(zip(kinds_of, pool.map(listed, kinds_of, kinds_of.values())))
    print(json.dumps({region: kinds for region, kinds in found.items() if kinds}, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
