"""A function app: ours, with a ledger that does nothing."""
