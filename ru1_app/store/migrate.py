"""The database's revision: read, checked and brought up to date with Alembic."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from ru1_app.errors import Unavailable
from ru1_app.store.engine import make_engine, reading

log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).with_name("migrations")
UNREADABLE = "The database cannot be opened. Check RU1_DATA_DIR or RU1_DATABASE_URL."


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to `revision`, creating it where it does not exist."""
    engine = make_engine(url, migrating=True)
    try:
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            _check_foreign_keys(connection)
    except CommandError as error:
        raise Unavailable("The database is of a newer version of the app; install that one.") from error
    except SQLAlchemyError as error:
        log.exception("The migration failed")
        raise Unavailable("The database could not be brought up to date; it was left as it was.") from error
    finally:
        engine.dispose()


def current_revision(url: str) -> str | None:
    """The database's revision; None where it is empty."""
    engine = make_engine(url)
    try:
        return _state(engine)[0]
    except SQLAlchemyError as error:
        raise Unavailable(UNREADABLE) from error
    finally:
        engine.dispose()


def check_revision(url: str, engine: Engine) -> None:
    """Create the tables of an empty database; refuse one that is older or newer than the code.

    Raises:
        Unavailable: with what to do.
    """
    try:
        revision, empty = _state(engine)
    except SQLAlchemyError as error:
        raise Unavailable(UNREADABLE) from error
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if revision == head:
        return
    if empty:
        upgrade(url)
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision in known:
        raise Unavailable(f"The database is at revision {revision}, the app needs {head}: run `ru1 db upgrade`.")
    raise Unavailable(f"The database is at revision {revision!r}, which this version of the app does not know.")


def _check_foreign_keys(connection: Connection) -> None:
    """SQLite checked none while it migrated; a row that points nowhere undoes the upgrade."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise Unavailable("The database holds rows that point to missing ones; it was left as it was.")


def _state(engine: Engine) -> tuple[str | None, bool]:
    """The revision and whether there are no tables, of one moment: another process may be creating them."""
    with reading(engine).connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
        return revision, not inspect(connection).get_table_names()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # ini syntax
    return config
