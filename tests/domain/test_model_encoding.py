from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.model_encoding import model_encoding
from shared.domain.model_family import Encoding
from shared.domain.operation import Metered

CHAT = Metered.CHAT_COMPLETIONS


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-35-turbo", Encoding.CL100K_BASE),
        ("gpt-35-turbo-16k", Encoding.CL100K_BASE),
        ("gpt-3.5-turbo-0125", Encoding.CL100K_BASE),
        ("gpt-3.5-turbo-instruct:20230824-v2", Encoding.CL100K_BASE),
        ("gpt-4", Encoding.CL100K_BASE),
        ("gpt-4-1106-vision-preview", Encoding.CL100K_BASE),
        ("gpt-4o-2024-08-06", Encoding.O200K_BASE),
        ("gpt-4.1-mini-2025-04-14", Encoding.O200K_BASE),
        ("gpt-4.5-preview-2025-02-27", Encoding.O200K_BASE),
        ("GPT-4o-Mini", Encoding.O200K_BASE),
        ("ft:gpt-4o-mini-2024-07-18:team::9", Encoding.O200K_BASE),
        ("gpt-35-turbo-0613.ft-0123456789", Encoding.CL100K_BASE),
        ("o3-mini-2025-01-31", Encoding.O200K_BASE),
        ("gpt-5-nano-2025-08-07", Encoding.O200K_BASE),
        ("gpt-5.6-sol", Encoding.O200K_BASE),
        ("codex-mini-latest", Encoding.O200K_BASE),
        ("computer-use-preview-2025-03-11", Encoding.O200K_BASE),
        ("text-embedding-3-large", Encoding.CL100K_BASE),
        ("text-embedding-ada-002-v2", Encoding.CL100K_BASE),
        ("ada", Encoding.CL100K_BASE),
        ("babbage:2023-07-21-v2", Encoding.CL100K_BASE),
    ],
)
def test_every_spelling_of_a_model_finds_its_encoding(model: str, encoding: Encoding) -> None:
    """Answers name models with dates, versions and Azure's own spelling; tiktoken knows few of them."""
    found = model_encoding(model, CHAT)

    assert (found.encoding, found.is_known) == (encoding, True)


@pytest.mark.parametrize("model", [None, "", "my-deployment", "gpt-40", "gpt-4omega", "o33", "gpt", "gpt-35x"])
def test_a_name_nobody_knows_is_not_taken_for_a_model(model: str | None) -> None:
    """A deployment may have any name; a likeness proves nothing."""
    found = model_encoding(model, CHAT)

    assert (found.encoding, found.is_known) == (Encoding.O200K_BASE, False)


@pytest.mark.parametrize("metered", [Metered.EMBEDDINGS, Metered.COMPLETIONS])
def test_an_unknown_model_of_bare_text_falls_back_to_the_only_encoding_there_is(metered: Metered) -> None:
    """Every embeddings and legacy completions model that is served reads cl100k_base."""
    found = model_encoding("my-deployment", metered)

    assert (found.encoding, found.is_known) == (Encoding.CL100K_BASE, False)


def test_families_differ_where_their_models_do() -> None:
    """gpt-5 ends an answer with more than gpt-5.4; o1-mini still reads ChatML, o3-mini no longer."""
    families = {model: model_encoding(model, CHAT).family for model in ("gpt-5", "gpt-5.1", "gpt-5.4", "o1-mini", "o3")}

    assert families["gpt-5"] == families["gpt-5.1"] != families["gpt-5.4"]
    assert families["o1-mini"].priming_tokens == 3
    assert families["o3"].priming_tokens == 2


@given(st.text(), st.sampled_from(Metered))
def test_any_name_gets_an_encoding(model: str, metered: Metered) -> None:
    """The name comes from outside; it must not cost the record."""
    assert model_encoding(model, metered).encoding in Encoding
