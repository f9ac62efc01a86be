"""The product: what the function app runs. Imports point one way; see CONTRIBUTING.md."""

VERSION = "0.1.0"
