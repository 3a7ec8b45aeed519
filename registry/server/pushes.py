"""Who may send bytes and commits, and to where: with the right to write to a branch, else to a pull request of theirs.

Whoever may read a repository and is signed in may open a pull request, and so send the bytes of one.
"""

from __future__ import annotations

import re

from registry.errors import DiscussionNotFound
from registry.index.repositories import Repository
from registry.server.principal import WRITE, Principal
from registry.server.services import Services

PULL = re.compile(r"refs/pr/([1-9][0-9]{0,8})")


def check(
    hub: Services, caller: Principal, repository: Repository, revision: str | None, *, create_pr: bool = False
) -> None:
    """Refuse who may not send bytes or a commit for a revision of a repository.

    Args:
        revision: a branch, or ``refs/pr/N``; None where the client does not say, as LFS clients for a pull request.
        create_pr: the commit is to open a pull request for that branch.

    Raises:
        RepositoryNotFound, NotAuthenticated, NotPermitted: they may not.
    """
    if revision is None or create_pr or _is_own(hub, caller, repository, revision):
        caller.check_part(repository)
    else:
        caller.check(WRITE, repository)


def _is_own(hub: Services, caller: Principal, repository: Repository, revision: str) -> bool:
    found = PULL.fullmatch(revision)
    if not found or caller.user is None:
        return False
    try:
        return hub.discussions.find(repository, int(found[1])).author == caller.user
    except DiscussionNotFound:
        return False
