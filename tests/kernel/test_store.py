from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.kernel.errors import Unusable
from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import APPLICATION_ID, Store
from mockserver.kernel.world import MIGRATIONS

things = Migrations("test.things")


@things()
def create_things(db: Database) -> None:
    db.execute("CREATE TABLE things (world INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (world, id))")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mock.db"


def test_a_closed_store_is_one_file(path: Path) -> None:
    store = Store(path)
    store.migrate([*MIGRATIONS, things])
    with store.work():
        store.execute("INSERT INTO things VALUES (1, 'a')")

    store.close()

    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with sqlite3.connect(path) as conn:
        assert conn.execute("SELECT id FROM things").fetchall() == [("a",)]
        assert conn.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    conn.close()


def test_opening_again_keeps_rows_and_migrates_once(path: Path) -> None:
    for _ in range(2):
        store = Store(path)
        store.migrate([things])
        with store.committed():
            store.execute("INSERT OR IGNORE INTO things VALUES (1, 'a')")
        store.close()

    store = Store(path)
    assert store.all("SELECT id FROM things") == [("a",)]
    store.close()


def test_a_file_with_other_tables_is_refused_and_left_as_it_is(path: Path) -> None:
    store = Store(path)
    store.migrate([things])
    store.close()
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA user_version = 1")
    conn.close()
    before = path.read_bytes()

    with pytest.raises(Unusable, match="another version"):
        Store(path)

    assert path.read_bytes() == before


def test_a_text_file_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_text("dear diary\n" * 100)

    with pytest.raises(Unusable, match="is not a database"):
        Store(path)

    assert path.read_text() == "dear diary\n" * 100


def test_somebody_elses_database_is_refused_and_left_as_it_is(path: Path) -> None:
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE diary (day TEXT)")
    conn.commit()
    conn.close()
    before = path.read_bytes()

    with pytest.raises(Unusable, match="not one of mockserver's"):
        Store(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["missing/mock.db", "."])
def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unusable, match="cannot use"):
        Store(tmp_path / name)


@pytest.mark.parametrize(("start", "end"), [(100, 4096), (4096, None)])
def test_a_damaged_database_is_refused(path: Path, start: int, end: int | None) -> None:
    store = Store(path)
    store.migrate(MIGRATIONS)
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[start:end] = b"\xff" * len(damaged[start:end])
    path.write_bytes(damaged)

    with pytest.raises(Unusable, match="cannot use"):
        Store(path).migrate(MIGRATIONS)


def test_a_second_process_is_kept_out_until_the_first_lets_go(path: Path) -> None:
    store = Store(path)
    attempt = [
        sys.executable,
        "-c",
        "import sys, pathlib; from mockserver.kernel.store import Store; Store(pathlib.Path(sys.argv[1])).close()",
        str(path),
    ]

    refused = subprocess.run(attempt, capture_output=True, text=True, check=False)
    store.close()
    let_in = subprocess.run(attempt, capture_output=True, text=True, check=False)

    assert "is in use by another mockserver process" in refused.stderr
    assert let_in.returncode == 0, let_in.stderr


def test_a_refused_file_is_not_kept_locked(path: Path) -> None:
    path.write_text("dear diary\n" * 100)
    with pytest.raises(Unusable):
        Store(path)
    path.unlink()

    Store(path).close()


def test_what_a_block_wrote_is_undone_when_it_raises_and_the_rest_stays(store: Store) -> None:
    store.migrate([things])
    with store.work():
        store.execute("INSERT INTO things VALUES (1, 'kept')")
        with pytest.raises(sqlite3.IntegrityError), store.atomic():
            store.execute("INSERT INTO things VALUES (1, 'undone'), (1, 'kept')")

    assert store.is_pending
    store.commit()

    assert not store.is_pending
    assert store.all("SELECT id FROM things") == [("kept",)]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 350])
def test_many_rows_are_added_as_they_are_and_in_order(store: Store, count: int) -> None:
    rows = [(f"t{n}", n, None if n % 3 else n / 7) for n in range(count)]
    with store.committed():
        store.execute("CREATE TABLE many (place INTEGER PRIMARY KEY, world INTEGER, a TEXT, b INTEGER, c REAL)")
        store.insert_rows("many", "(NULL, 7, ?, ?, ?)", rows)

    assert store.all("SELECT world, a, b, c FROM many ORDER BY place") == [(7, *row) for row in rows]


def test_of_many_rows_none_is_added_where_one_cannot_be(store: Store) -> None:
    with store.committed():
        store.execute("CREATE TABLE many (a INTEGER PRIMARY KEY)")

    with pytest.raises(sqlite3.IntegrityError), store.committed():
        store.insert_rows("many", "(?)", [(n,) for n in [*range(250), 3]])

    assert store.all("SELECT * FROM many") == []


def test_every_table_but_the_list_of_worlds_says_whose_its_rows_are(store: Store) -> None:
    without = {"worlds", "_sqlite_migrations"}

    assert set(store.db.table_names()) - set(store.worldly_tables) == without


def test_a_world_is_copied_and_cleared_without_touching_its_neighbour(store: Store) -> None:
    store.migrate([things])
    with store.committed():
        store.execute("INSERT INTO things VALUES (1, 'a'), (1, 'b'), (2, 'c')")
        store.copy_world(1, 3)
        store.clear_world(1)

    assert store.all("SELECT world, id FROM things ORDER BY world, id") == [(2, "c"), (3, "a"), (3, "b")]


def test_a_users_plugins_for_sqlite_utils_are_left_out_of_our_database() -> None:
    from sqlite_utils import hookimpl
    from sqlite_utils.plugins import pm

    class Meddling:
        @hookimpl
        def prepare_connection(self, conn: sqlite3.Connection) -> None:
            conn.execute("CREATE TABLE meddled (id)")

    plugin = Meddling()
    pm.register(plugin)
    try:
        store = Store(None)
    finally:
        pm.unregister(plugin)

    assert store.db.table_names() == []
    store.close()
