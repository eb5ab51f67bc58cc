"""Documents on the rows of eval sets, and those that are on their way through a signed address."""

from __future__ import annotations

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.store import Row
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.documents import Announced, Document, Place
from mockserver.vendors.pareta.domain.evaluation import TERMINAL

migrations = Migrations("pareta.documents")


@migrations()
def create_documents(db: Database) -> None:
    """One document a place, one upload awaited there.

    Rowid tables with the bytes last: what stands before them is read without them.
    """
    for statement in (
        "CREATE TABLE pareta_documents (world INTEGER, eval_set TEXT, idx INTEGER, field TEXT, mime TEXT, size INTEGER,"
        " is_signed INTEGER, data BLOB, PRIMARY KEY (world, eval_set, idx, field))",
        "CREATE TABLE pareta_uploads (world INTEGER, eval_set TEXT, idx INTEGER, field TEXT, token TEXT, mime TEXT,"
        " size INTEGER, expires_at INTEGER, data BLOB, PRIMARY KEY (world, eval_set, idx, field))",
        "CREATE INDEX pareta_uploads_by_token ON pareta_uploads (world, token)",
    ):
        db.execute(statement)


def put_document(world: World, document: Document, data: bytes) -> None:
    """Attach a document in place of the one that was there."""
    place = document.place
    world.store.execute(
        "INSERT OR REPLACE INTO pareta_documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            world.id, place.eval_set, place.idx, place.field, document.mime, document.size, document.is_signed, data,
        ),
    )  # fmt: skip


def find_document(world: World, place: Place) -> Document | None:
    """Return what is attached at a place, without its bytes."""
    row = world.store.one(
        f"SELECT mime, size, is_signed FROM pareta_documents WHERE {_AT_PLACE}", (world.id, *_key(place))
    )
    return Document(place, row[0], row[1], bool(row[2])) if row else None


def content(world: World, place: Place) -> bytes | None:
    """Return the bytes that are attached at a place."""
    row = world.store.one(f"SELECT data FROM pareta_documents WHERE {_AT_PLACE}", (world.id, *_key(place)))
    return row[0] if row else None


def put_upload(world: World, announced: Announced) -> None:
    """Await a document in place of the one that was awaited there."""
    world.store.execute(
        "INSERT OR REPLACE INTO pareta_uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (world.id, *_key(announced.place), announced.token, announced.mime, announced.size, announced.expires_at),
    )


def find_upload(world: World, place: Place) -> Announced | None:
    """Return what is awaited at a place."""
    row = world.store.one(f"SELECT {_UPLOAD} FROM pareta_uploads WHERE {_AT_PLACE}", (world.id, *_key(place)))
    return _announced(row) if row else None


def upload_at(world: World, token: str) -> Announced | None:
    """Return what is awaited at a signed address."""
    row = world.store.one(f"SELECT {_UPLOAD} FROM pareta_uploads WHERE world = ? AND token = ?", (world.id, token))
    return _announced(row) if row else None


def receive(world: World, announced: Announced, data: bytes) -> None:
    """Keep the bytes of an awaited document; a second time replaces them."""
    world.store.execute(
        "UPDATE pareta_uploads SET data = ? WHERE world = ? AND token = ?", (data, world.id, announced.token)
    )


def attach_received(world: World, place: Place) -> None:
    """Attach the document whose bytes have arrived, and await it no longer."""
    world.store.execute(
        "INSERT OR REPLACE INTO pareta_documents SELECT world, eval_set, idx, field, mime, size, 1, data"
        f" FROM pareta_uploads WHERE {_AT_PLACE}",
        (world.id, *_key(place)),
    )
    world.store.execute(f"DELETE FROM pareta_uploads WHERE {_AT_PLACE}", (world.id, *_key(place)))


def sweep(world: World) -> None:
    """Delete what belongs to sets that are gone, except documents an unfinished run will ask for."""
    gone = "world = ?1 AND eval_set NOT IN (SELECT id FROM pareta_eval_sets WHERE world = ?1)"
    over = ", ".join(f"'{status}'" for status in sorted(TERMINAL))
    needed = f"SELECT eval_set FROM pareta_eval_runs WHERE world = ?1 AND status NOT IN ({over})"
    world.store.execute(f"DELETE FROM pareta_uploads WHERE {gone}", (world.id,))
    world.store.execute(f"DELETE FROM pareta_documents WHERE {gone} AND eval_set NOT IN ({needed})", (world.id,))


_AT_PLACE = "world = ? AND eval_set = ? AND idx = ? AND field = ?"
_UPLOAD = "eval_set, idx, field, token, mime, size, expires_at, data IS NOT NULL"


def _key(place: Place) -> tuple[str, int, str]:
    return place.eval_set, place.idx, place.field


def _announced(row: Row) -> Announced:
    eval_set, idx, field, token, mime, size, expires_at, has_arrived = row
    return Announced(Place(eval_set, idx, field), token, mime, size, expires_at, bool(has_arrived))
