"""A local AWS: moto with what it lacks, its laxness mended, and a way in for live traffic."""

__version__ = "1"
