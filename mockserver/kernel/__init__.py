"""What every vendor shares: worlds, time, chance, money, storage. Knows no vendor and no HTTP."""

import sys


def _import_sqlite_utils() -> None:
    """Import sqlite-utils alone.

    It also imports numpy and pandas wherever they are installed, only to know their types, of which we store none:
    a quarter of our start and of our memory.
    """
    kept_out = [name for name in ("numpy", "pandas") if name not in sys.modules]
    for name in kept_out:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it now fails, as if it were not installed
    try:
        import sqlite_utils  # noqa: F401
    finally:
        for name in kept_out:
            del sys.modules[name]


_import_sqlite_utils()
