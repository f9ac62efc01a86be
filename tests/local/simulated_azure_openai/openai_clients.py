"""The official clients, set up for a simulated resource."""

from __future__ import annotations

from openai import AsyncAzureOpenAI, AsyncOpenAI


def dated_client(url: str, api_version: str = "2025-03-01-preview") -> AsyncAzureOpenAI:
    return AsyncAzureOpenAI(azure_endpoint=url, api_key="simulated", api_version=api_version, max_retries=0)


def v1_client(url: str) -> AsyncOpenAI:
    """Return the plain client, which sends the key as a bearer token."""
    return AsyncOpenAI(base_url=f"{url}/openai/v1", api_key="simulated", max_retries=0)
