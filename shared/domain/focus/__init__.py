"""
Costs in the form of FOCUS 1.2, the FinOps Open Cost and Usage Specification.

What we put into each column and why: docs/exports.md and docs/decisions/0023-focus-rows.md.
"""
