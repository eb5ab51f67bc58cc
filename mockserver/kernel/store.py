"""SQLite: opening, migrations, transactions, and copying one world's rows to another.

Schema and migrations are sqlite-utils', and so is each migration's transaction. One connection is shared by all
threads behind one lock; nothing that was read from it is kept in memory, so a rollback needs no clean-up elsewhere.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from mockserver.kernel.errors import Unusable
from mockserver.kernel.sqlite import Database, Migrations

try:
    import fcntl
except ImportError:  # Windows: no advisory lock, two servers on one file are not noticed
    fcntl = None  # type: ignore[assignment]

APPLICATION_ID = 0x6D6F636B
"""Written into the file's header ("mock"), so that somebody else's database is never migrated."""

LAYOUT = 6
"""Which tables there are, as a number; raised with every change that migrations do not carry over."""

Row = tuple[Any, ...]

_ROWS_AT_ONCE = 100


class Watcher(Protocol):
    """Somebody who wants to know of what is written. Both must return at once, whatever the thread."""

    def stir(self) -> None:
        """Something was committed."""

    def leave(self) -> None:
        """The server is about to stop."""


class Store:
    """One SQLite database, in memory (`path` is `None`) or in a file.

    A unit of work is `with store.work(): ...`, which joins the open transaction or begins one, and leaves
    it open; `commit()` ends it for everybody who joined. Between the two lies the server's group commit.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._guard: int | None = None
        self.conn = self._open(path)
        # sqlite-utils' plugins are the user's, for databases of their own; looking for them takes a while too.
        self.db = Database(self.conn, execute_plugins=False)
        self._work = _Work(self._lock, self.conn)
        self._step = _Step(self.conn)
        self._worldly: dict[str, str] = {}
        self.watchers: tuple[Watcher, ...] = ()
        self._watching = threading.Lock()
        self._told_changes = 0

    # Opening and closing

    def _open(self, path: Path | None) -> sqlite3.Connection:
        if path is None:
            return sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None, cached_statements=512)
        try:
            self._guard = _lock_file(path)
            conn = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)
            application = conn.execute("PRAGMA application_id").fetchone()[0]
            tables = conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables and application != APPLICATION_ID:
                raise Unusable(f"{path} is an SQLite database, but not one of mockserver's")
            layout = conn.execute("PRAGMA user_version").fetchone()[0]
            if tables and layout != LAYOUT:
                raise Unusable(f"{path} was made by another version of mockserver; start with a new file")
            conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            conn.execute(f"PRAGMA user_version = {LAYOUT}")
            # WAL with NORMAL survives a killed process; only a power cut may lose the last commits.
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = NORMAL")
            # Moving the log into the file waits for the disk, so it is done a quarter as often as by default.
            conn.execute("PRAGMA wal_autocheckpoint = 4000")
            # Megabytes instead of two: what arrives for many customers at once touches pages far apart.
            conn.execute("PRAGMA cache_size = -16000")
            return conn
        except (sqlite3.Error, OSError) as error:
            self._unlock()
            raise Unusable(f"cannot use {path} as a database: {error}") from None
        except Unusable:
            self._unlock()
            raise

    def _unlock(self) -> None:
        if self._guard is not None:
            os.close(self._guard)
            self._guard = None

    def migrate(self, sets: Iterable[Migrations]) -> None:
        """Apply every pending migration of every set.

        :raises Unusable: the file is damaged, or somebody else is writing to it.
        """
        try:
            with self._lock, self.db.atomic():
                for migrations in sets:
                    migrations.apply(self.db)
        except sqlite3.Error as error:
            raise Unusable(f"cannot use {self.path} as a database: {error}") from None
        self._worldly = {
            name: ", ".join(f'"{c}"' for c in columns if c != "world")
            for name in self.db.table_names()
            if "world" in (columns := [column.name for column in self.db[name].columns])
        }

    def close(self) -> None:
        """Commit what is open and leave one self-contained file behind."""
        with self._lock:
            self.commit()
            if self.path is not None:
                self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.conn.close()
            self._unlock()

    # Transactions

    def work(self) -> AbstractContextManager[None]:
        """Hold the database and an open transaction for the length of a block; committing is left to `commit`."""
        return self._work

    def atomic(self) -> AbstractContextManager[None]:
        """Undo everything a block wrote if it raises; must stand inside `work` or `committed`."""
        return self._step

    @contextmanager
    def committed(self) -> Iterator[None]:
        """Run a block as one unit of work and commit it: for callers that serve nobody else meanwhile."""
        with self.work():
            try:
                with self.atomic():
                    yield
            finally:
                self.commit()

    @property
    def is_pending(self) -> bool:
        """Whether work is waiting for a commit."""
        return self.conn.in_transaction

    def commit(self) -> None:
        """Make everything done so far durable; inside an `atomic` block nothing happens, it is left to who opened that.

        A stream nobody closed is closed whenever Python finds it, which may be in the middle of another request.
        """
        with self._lock:
            if self.conn.in_transaction and not self._step.depth:
                self.conn.execute("COMMIT")
                if self.watchers and self.conn.total_changes != self._told_changes:
                    self._told_changes = self.conn.total_changes
                    for watcher in self.watchers:
                        watcher.stir()

    # Watching

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody of every commit that changed anything."""
        with self._watching:
            self.watchers = (*self.watchers, watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Tell somebody no more."""
        with self._watching:
            self.watchers = tuple(each for each in self.watchers if each is not watcher)

    # Reading and writing

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one prepared statement; only inside `work` or `committed`."""
        return self.conn.execute(sql, parameters)

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Return the first row, or `None`."""
        row: Row | None = self.conn.execute(sql, parameters).fetchone()
        return row

    def all(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Return every row."""
        return self.conn.execute(sql, parameters).fetchall()

    def insert_rows(self, table: str, form: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows, so many to a statement that it costs little more than half of adding one after the other.

        :param form: what one row looks like in a statement, such as `(1, ?, ?)`.
        """
        whole = len(rows) - len(rows) % _ROWS_AT_ONCE
        if whole:
            statement = f"INSERT INTO {table} VALUES {', '.join([form] * _ROWS_AT_ONCE)}"
            for start in range(0, whole, _ROWS_AT_ONCE):
                self.conn.execute(statement, tuple(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])))
        self.conn.executemany(f"INSERT INTO {table} VALUES {form}", rows[whole:])

    # Worlds

    @property
    def worldly_tables(self) -> list[str]:
        """Names of the tables whose rows belong to a world: all but the list of worlds itself."""
        return list(self._worldly)

    def copy_world(self, source: int, target: int, *, leave_out: Iterable[str] = ()) -> None:
        """Copy every row of one world to another that has none."""
        for name in self._worldly.keys() - set(leave_out):
            columns = self._worldly[name]
            self.execute(
                f'INSERT INTO "{name}" (world, {columns}) SELECT ?, {columns} FROM "{name}" WHERE world = ?',
                (target, source),
            )

    def clear_world(self, world: int) -> None:
        """Delete every row of a world."""
        for name in self._worldly:
            self.execute(f'DELETE FROM "{name}" WHERE world = ?', (world,))


class _Work:
    """The block behind `Store.work`. It keeps nothing of its own, so one serves every caller, nested ones too."""

    __slots__ = ("_conn", "_lock")

    def __init__(self, lock: threading.RLock, conn: sqlite3.Connection) -> None:
        self._lock = lock
        self._conn = conn

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            if not self._conn.in_transaction:
                self._conn.execute("BEGIN")
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._lock.release()


class _Step:
    """The block behind `Store.atomic`.

    Savepoints nest by position, so one name does for all, and SQLite parses it once; sqlite-utils' own `atomic`
    draws a new name each time.
    """

    __slots__ = ("_conn", "depth")

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self.depth = 0

    def __enter__(self) -> None:
        self._conn.execute("SAVEPOINT step")
        self.depth += 1

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.depth -= 1
        if kind is None:
            self._conn.execute("RELEASE step")
        elif self._conn.in_transaction:  # else the error has ended the whole transaction already
            self._conn.execute("ROLLBACK TO step")
            self._conn.execute("RELEASE step")


def _lock_file(path: Path) -> int | None:
    """Take the file for this process, creating it when absent; return the handle that holds the lock.

    :raises Unusable: another server holds it.
    """
    if fcntl is None:
        return None
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Unusable(f"{path} is in use by another mockserver process") from None
    return handle
