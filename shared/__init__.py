"""The product: what the function app runs. Imports point one way; see STYLE in CONTRIBUTING.md."""

VERSION = "0.1.0"
