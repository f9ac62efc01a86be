"""A record as JSON has it: the columns of the table, with the table's values."""

from __future__ import annotations

from hypothesis import given

from shared.adapters.usage_columns import usage_entity
from shared.domain.record_columns import record_columns
from shared.domain.usage_record import UsageRecord
from tests.adapters.records import record, records

# The table says these where they are so; JSON always.
_ABSENT_WHEN_NOT_SO = {"spilled_over", "provisioned"}


@given(records())
def test_every_column_of_the_table_is_there_with_its_value(each: UsageRecord) -> None:
    """Whoever knows the one knows the other; what a new version adds to the table is in both."""
    columns = record_columns(each)
    known = {
        name: value
        for name, value in columns.items()
        if value is not None and not (name in _ABSENT_WHEN_NOT_SO and value is False)
    }

    assert known == usage_entity(each).properties


def test_what_is_not_known_is_there_as_null() -> None:
    """A reader need not ask whether a name is there."""
    columns = record_columns(record())

    assert columns["cost_usd"] is None
    assert columns["audit_prompt_tokens"] is None
    assert columns["provisioned"] is False
