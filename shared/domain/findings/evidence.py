"""What a finding shows: small flat objects of what was logged, safe to keep and to show, whoever wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.domain.table_entity import is_int64, storable_text

Evidence = Mapping[str, str | int]

# So long that every id, name and address fits; so short that the evidence of a day fits one row, whatever is in it.
MAX_TEXT_LENGTH = 120
MAX_FIELDS = 14
MAX_PER_PLACE = 5
# How a spreadsheet knows a formula. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@")


def evidence(**fields: str | int | datetime | None) -> Evidence:
    """Return what is known of these, in their order: text that came from outside is cut, and runs nowhere."""
    plain = {name: _plain(value) for name, value in fields.items() if value is not None and value != ""}
    return dict(list(plain.items())[:MAX_FIELDS])


def plain_text(text: str, max_length: int = MAX_TEXT_LENGTH) -> str:
    """Return text from outside as one line that no table refuses and no spreadsheet runs."""
    text = storable_text(text, max_length)
    return f"'{text[: max_length - 1]}" if text.startswith(_FORMULA) else text


def _plain(value: str | int | datetime) -> str | int:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, int):
        return value if is_int64(value) else str(value)[:MAX_TEXT_LENGTH]
    return plain_text(value)
