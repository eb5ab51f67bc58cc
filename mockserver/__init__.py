"""Offline-first local simulator of two metered vendor APIs, with the money right."""

__version__ = "0.1.0"

__all__ = ["__version__"]
