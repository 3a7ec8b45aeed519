"""How the tables became what they are: alembic's scripts, and how they are run without a configuration file.

To change the tables: change ``registry.index.tables``, then make a script with `revise` and read it over, then set
``database.REVISION``. A test holds scripts and tables together, on both databases.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from registry.errors import RegistryUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent


def upgrade(engine: Engine, found: str | None) -> None:
    """Run the scripts that `engine`'s database lacks.

    Raises:
        RegistryUnavailable: it is at `found`, which is none of these scripts.
    """
    from alembic import command
    from alembic.util import CommandError

    if found == "unversioned":
        raise RegistryUnavailable(
            f"{engine.url.database} was made before there were migrations",
            "Move it away, and publish its adapters again from their folders.",
        )
    try:
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise RegistryUnavailable(
            f"{engine.url.database} is at migration {found}, which this version does not know",
            "Use the version of adapterhub that wrote it, or a newer one.",
        ) from error


def revise(engine: Engine, message: str, revision: str) -> None:
    """Write a script that leads from the database's tables to those of ``registry.index.tables``."""
    from alembic import command

    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.revision(config, message, autogenerate=True, rev_id=revision)


def _config() -> Config:
    from alembic.config import Config  # alembic is imported where it is needed only

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
