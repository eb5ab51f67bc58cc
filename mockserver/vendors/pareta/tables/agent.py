"""Conversations of the agent surface and the routes they are pinned to."""

from __future__ import annotations

from mockserver.kernel.sqlite import Database, Migrations
from mockserver.kernel.world import World
from mockserver.vendors.pareta.domain.agent import Session

migrations = Migrations("pareta.agent")


@migrations()
def create_agent(db: Database) -> None:
    """One row per conversation."""
    db.execute(
        "CREATE TABLE pareta_agent_sessions (world INTEGER, id TEXT, route TEXT, pinned_at INTEGER, turns INTEGER,"
        " last_used_at INTEGER, PRIMARY KEY (world, id)) WITHOUT ROWID"
    )
    db.execute("CREATE INDEX pareta_agent_sessions_idle ON pareta_agent_sessions (world, last_used_at)")


def find_session(world: World, session_id: str) -> Session | None:
    """Return a conversation."""
    row = world.store.one(
        "SELECT id, route, pinned_at, turns, last_used_at FROM pareta_agent_sessions WHERE world = ? AND id = ?",
        (world.id, session_id),
    )
    return Session(*row) if row else None


def put_session(world: World, session: Session) -> None:
    """Keep a conversation as it stands."""
    world.store.execute(
        "INSERT OR REPLACE INTO pareta_agent_sessions VALUES (?, ?, ?, ?, ?, ?)",
        (world.id, session.id, session.route, session.pinned_at, session.turns, session.last_used_at),
    )


def forget_sessions(world: World, before: int) -> None:
    """Drop conversations nobody continued since an instant."""
    world.store.execute("DELETE FROM pareta_agent_sessions WHERE world = ? AND last_used_at <= ?", (world.id, before))
