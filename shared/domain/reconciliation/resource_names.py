"""Which Azure resource a host name is of: calls know the one, Azure's logs the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# https://learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains
_HOST_OF_ACCOUNT = "{}.openai.azure.com"


class ResourceNames:
    """
    Knows the resource of a host: what it is told, then what it has learnt, then the account of the same name.

    The first label of a host is the account's name, unless the operator gave it another subdomain.
    """

    def __init__(self, told: Mapping[str, str], learnt: Mapping[str, str], resource_ids: Iterable[str] = ()) -> None:
        """Take host names with resource ids, both in lower case, and the resources that logs tell of."""
        self._known = {**learnt, **told}
        self._by_account: dict[str, str | None] = {}
        for resource_id in sorted({*resource_ids, *self._known.values()}):
            account = account_of(resource_id)
            # Two accounts of one name, in two clouds: then the name says nothing.
            self._by_account[account] = None if account in self._by_account else resource_id

    def knows(self, host: str) -> bool:
        """Return whether a host name was told or learnt, and not only guessed by its name."""
        return host in self._known

    def resource_of(self, host: str) -> str | None:
        """Return the resource id that a host name is of, None where that is not known."""
        return self._known.get(host) or self._by_account.get(host.split(".", 1)[0])

    def host_of(self, resource_id: str) -> str:
        """Return the host name of a resource: one that calls have gone to, or as Azure would make it."""
        known = sorted(host for host, resource in self._known.items() if resource == resource_id)
        return known[0] if known else _HOST_OF_ACCOUNT.format(account_of(resource_id))

    def may_be(self, host: str, resource_id: str) -> bool:
        """Return whether a call to a host may have been one to a resource."""
        return self.resource_of(host) in {None, resource_id}


def account_of(resource_id: str) -> str:
    """Return the last part of a resource id: the account's name."""
    return resource_id.rstrip("/").rsplit("/", 1)[-1]
