"""Accept a finding: say why it is all right, or that it is not after all."""

from __future__ import annotations

from shared.domain.errors import FindingNotFound, MalformedRequest, PrincipalNotAllowed, StorageUnavailable
from shared.domain.findings.finding import Finding, FindingState, is_finding_id
from shared.domain.principal import Principal
from shared.ports.clock import Clock
from shared.ports.reconciliation import Findings
from shared.usecases.keep_findings import MAX_TRIES

# The app role whose holders say what is all right.
ACCEPT_ROLE = "Findings.Accept.All"


class AcceptFinding:
    """Changes a finding only as it was read."""

    def __init__(self, findings: Findings, clock: Clock) -> None:
        self._findings = findings
        self._clock = clock

    async def __call__(self, finding_id: str, reason: str | None, asker: Principal) -> Finding:
        """
        Return the finding as accepted for this reason; without one, as no longer accepted.

        Raises:
            PrincipalNotAllowed: the asker lacks the role.
            FindingNotFound: there is no such finding.
            MalformedRequest: later data has closed it.
            StorageError: it is not known to be kept.
        """
        if ACCEPT_ROLE not in asker.roles:
            raise PrincipalNotAllowed(f"to accept findings takes the app role {ACCEPT_ROLE}")
        for _ in range(MAX_TRIES):
            finding = await self._findings.get(finding_id) if is_finding_id(finding_id) else None
            if finding is None:
                raise FindingNotFound("no finding has this id")
            if finding.state is FindingState.CLOSED:
                raise MalformedRequest("the finding is closed: later data has explained it")
            if kept := await self._findings.put(self._changed(finding, reason, asker)):
                return kept
        raise StorageUnavailable(f"the finding {finding_id!r} is changed by others all the time")

    def _changed(self, finding: Finding, reason: str | None, asker: Principal) -> Finding:
        if reason is None:
            return finding.no_longer_accepted()
        by = f"{asker.tenant_id}/{asker.object_id}"
        return finding.accepted(by=f"{asker.name} ({by})" if asker.name else by, reason=reason, at=self._clock.now())
