"""The ledger held against what Azure logged of the same hour: which calls are one, and what is left over."""
