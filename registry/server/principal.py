"""Who is asking, and what they may do: the one place that decides permissions.

A right is read, write or admin, each with those before it. What somebody may do in a namespace is the least of their
role there and of what their token allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from registry.errors import NotAuthenticated, NotPermitted
from registry.index.repositories import Repository
from registry.index.rows import no_repository
from registry.index.tokens import Holder

READ, WRITE, ADMIN = "read", "write", "admin"
RIGHTS = (READ, WRITE, ADMIN)


@dataclass(frozen=True)
class Principal:
    """Whoever sent a request, and the id of their token. `user` is None for an anonymous one."""

    user: str | None = None
    token: int = 0
    admin: bool = False
    right: str = READ
    namespace: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, holder: Holder) -> Principal:
        """The holder of a valid token."""
        return cls(holder.user, holder.id, holder.admin, holder.right, holder.namespace, holder.roles)

    @property
    def name(self) -> str:
        """How the audit log and commits call them."""
        return self.user or "anonymous"

    def may(self, right: str, namespace: str) -> bool:
        """Whether they have `right` in a namespace, as members of it or as administrators of the server."""
        if self.namespace not in (None, namespace.lower()) or RIGHTS.index(right) > RIGHTS.index(self.right):
            return False
        role = ADMIN if self.admin else self.roles.get(namespace.lower())
        return role is not None and RIGHTS.index(right) <= RIGHTS.index(role)

    def sees(self, repository: Repository) -> bool:
        """Whether a repository exists for them."""
        return not repository.private or self.may(READ, repository.namespace)

    def downloads(self, repository: Repository, is_accepted: Callable[[Repository, str], bool]) -> bool:
        """Whether they may read the files of a repository that they see.

        A gated one's are for its namespace and for those let in, whom `is_accepted` knows; a token for another
        namespace does not count for that.
        """
        if not repository.gated or self.may(READ, repository.namespace):
            return True
        reaches = self.namespace in (None, repository.namespace)
        return self.user is not None and reaches and is_accepted(repository, self.user)

    def readable(self) -> frozenset[str] | None:
        """The namespaces whose private repositories exist for them, in lower case; None for all."""
        if self.admin:
            return None if self.namespace is None else frozenset({self.namespace})
        return frozenset(namespace for namespace in self.roles if self.may(READ, namespace))

    def require(self, right: str, namespace: str) -> None:
        """Refuse who has not that right.

        Raises:
            NotAuthenticated: they are anonymous.
            NotPermitted: they are not, but may not either.
        """
        if self.may(right, namespace):
            return
        if self.user is None:
            raise NotAuthenticated("this needs a token", "Log in with `hf auth login`, or set HF_TOKEN.")
        raise NotPermitted(
            f"You don't have the rights to {right} in the namespace {namespace!r} with this token",
            "Ask its owners for that role, or use a token with that right.",
        )

    def require_server_admin(self) -> None:
        """Refuse who is no administrator of the server, or has a token for less.

        Raises:
            NotAuthenticated, NotPermitted: as for `require`.
        """
        if self.admin and self.right == ADMIN and self.namespace is None:
            return
        if self.user is None:
            raise NotAuthenticated("this needs a token", "Log in with `hf auth login`, or set HF_TOKEN.")
        raise NotPermitted("only administrators of the server may do that", "Ask one of them.")

    def check(self, right: str, repository: Repository) -> None:
        """Refuse who may not do that with a repository; who may not even see it is told that there is none.

        Raises:
            RepositoryNotFound: it is private, and they may not read it.
            NotAuthenticated, NotPermitted: as for `require`.
        """
        if not self.sees(repository):
            raise no_repository(repository.name)
        if right != READ:
            self.require(right, repository.namespace)

    def check_part(self, repository: Repository) -> None:
        """Refuse who may not take part: open discussions and pull requests, and comment. Readers may, if signed in.

        Raises:
            RepositoryNotFound: it is private, and they may not read it.
            NotAuthenticated: they are anonymous.
            NotPermitted: their token only reads, or is for another namespace.
        """
        self.check(READ, repository)
        if self.user is None:
            raise NotAuthenticated("this needs a token", "Log in with `hf auth login`, or set HF_TOKEN.")
        if self.right == READ or self.namespace not in (None, repository.namespace):
            raise NotPermitted(
                f"this token allows no discussions or pull requests in {repository.name}",
                "Use a token with the right to write there.",
            )
