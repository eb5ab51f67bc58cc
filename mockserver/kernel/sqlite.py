"""sqlite-utils, alone.

Wherever numpy and pandas are installed it imports them too, only to know their types, of which we store none: that
would be a quarter of our start and of our memory.
"""

from __future__ import annotations

import sys

_KEPT_OUT = [name for name in ("numpy", "pandas") if name not in sys.modules]
for _name in _KEPT_OUT:
    sys.modules[_name] = None  # type: ignore[assignment]  # importing it now fails, as if it were not installed
try:
    from sqlite_utils import Database, Migrations
finally:
    for _name in _KEPT_OUT:
        del sys.modules[_name]

__all__ = ["Database", "Migrations"]
