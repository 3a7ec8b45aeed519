"""Who may send bytes and commits, and to where: with the right to write to a branch, else to a pull request of theirs.

Whoever may read a repository and is signed in may open a pull request, and so send the bytes of one.
"""

from __future__ import annotations

import re

from registry.errors import DiscussionNotFound, NotPermitted
from registry.index.repositories import Repository
from registry.server.principal import WRITE, Principal
from registry.server.services import Services
from registry.server.tickets import UploadTicket, XetTicket

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


def check_ticket(hub: Services, ticket: UploadTicket | XetTicket) -> Repository:
    """The repository that a ticket is for, if who was given it could be given it now.

    A ticket is sent without a token, and lives for long: its token may have ended since, its holder have been disabled
    or have lost their role.

    Raises:
        NotPermitted: its token is not good any more, or does not allow that any more.
        RepositoryNotFound: the repository is gone, for them at least.
    """
    holder = hub.tokens.issued(ticket.token)
    if holder is None or holder.user != ticket.user:
        raise NotPermitted("the token of this upload is not valid any more", "Log in, and begin the upload again.")
    repository = hub.repositories.find(ticket.name, ticket.kind)
    Principal.of(holder).check_part(repository)
    return repository


def _is_own(hub: Services, caller: Principal, repository: Repository, revision: str) -> bool:
    found = PULL.fullmatch(revision)
    if not found or caller.user is None:
        return False
    try:
        return hub.discussions.find(repository, int(found[1])).author == caller.user
    except DiscussionNotFound:
        return False
