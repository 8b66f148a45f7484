"""ARNs of functions."""

from __future__ import annotations

import re

ARN = re.compile(r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d+):function:(?P<name>[^:]+)(:(?P<qualifier>.+))?$")
