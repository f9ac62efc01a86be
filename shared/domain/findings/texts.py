"""What a finding says to people."""

from __future__ import annotations

from shared.domain.findings.evidence import plain_text
from shared.domain.findings.finding import Finding, FindingKind
from shared.domain.reconciliation.resource_names import account_of

_TITLES = {
    FindingKind.BYPASS_WITH_IDENTITY: "A principal's calls to {resource} went past the gateway",
    FindingKind.BYPASS_WITH_KEY: "Calls with a key to {resource} went past the gateway",
    FindingKind.RECORD_WITHOUT_SERVICE_CALL: "Azure has not logged calls that {resource} answered",
    FindingKind.TOKEN_COUNTS_DIFFER: "Azure counted other tokens than it reported at {resource}",
    FindingKind.KEYS_LISTED: "The keys of {resource} were listed",
    FindingKind.KEYS_REGENERATED: "A key of {resource} was regenerated",
    FindingKind.LISTED_KEY_USED: "A key of {resource} was used past the gateway after the keys had been listed",
    FindingKind.DIAGNOSTICS_SILENT: "Azure exports no logs of {resource}",
    FindingKind.LOCAL_AUTH_ENABLED: "Keys were switched on for {resource}",
    FindingKind.ROLE_GRANTED: "A role was granted that reaches {resource}",
    FindingKind.DEPLOYMENT_CHANGED: "A deployment of {resource} was changed",
}
_SUMMARIES = {
    FindingKind.BYPASS_WITH_IDENTITY: "{calls} of the principal {of} that Azure logged and the gateway has not "
    "seen. Counted in usage all the same, with the origin azure_logs.",
    FindingKind.BYPASS_WITH_KEY: "{calls} from {of} that Azure logged and the gateway has not seen. Azure does "
    "not log who uses a key. Counted in usage all the same, as 'key, unknown'.",
    FindingKind.RECORD_WITHOUT_SERVICE_CALL: "{n} of {of} that were answered, and of which no line has come though "
    "lines of later calls have.",
    FindingKind.TOKEN_COUNTS_DIFFER: "{n} to {of} where the counts in Azure's logs are not those in its answers.",
    FindingKind.KEYS_LISTED: "{n} by {of}. Whoever has a key can call past the gateway, and nobody sees who it is.",
    FindingKind.KEYS_REGENERATED: "{n} by {of}. The key from before works no more.",
    FindingKind.LISTED_KEY_USED: "{calls} with a key, from {of}, after the keys had been listed: the evidence says by "
    "whom.",
    FindingKind.DIAGNOSTICS_SILENT: "Calls were made, and nothing was logged of them ({n}): {of}. While that lasts, "
    "nobody can see who goes past the gateway.",
    FindingKind.LOCAL_AUTH_ENABLED: "{n} by {of}. Keys carry no identity: consider to switch them off.",
    FindingKind.ROLE_GRANTED: "{n}: {of}.",
    FindingKind.DEPLOYMENT_CHANGED: "{n} of {of}.",
}
_MAX_TEXT_LENGTH = 300


def title(finding: Finding) -> str:
    """Return one line that says what it is."""
    return _filled(_TITLES[finding.subject.kind], finding)


def summary(finding: Finding) -> str:
    """Return what there is to know at a glance."""
    if not finding.parts:
        return "Nothing of it is left: later data explains it."
    return _filled(_SUMMARIES[finding.subject.kind], finding)


def _filled(template: str, finding: Finding) -> str:
    occurrences = finding.occurrences
    names = {"resource": account_of(finding.subject.resource), "of": finding.subject.of or "somebody unknown"}
    plain = {name: plain_text(text) for name, text in names.items()}
    counts = {"n": _counted(occurrences, "time"), "calls": _counted(occurrences, "call")}
    return template.format(**counts, **plain)[:_MAX_TEXT_LENGTH]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
