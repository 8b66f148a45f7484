"""S3."""

from __future__ import annotations

from ...server.installer import installer

install = installer(__name__, "buckets", "xml_roots")
