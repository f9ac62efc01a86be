"""
The families, by how their names start. A new model is a new row.

The numbers were found in recorded calls of Azure OpenAI and OpenAI with the usage billed; the
remarks say of how many where they are few. How often they are right, `python -m bench.token_accuracy`
tells. Turns and priming also stand in OpenAI's cookbook:
https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from shared.domain.image_price import PatchPrice, TilePrice
from shared.domain.model_family import AnswerFrames, Dialect, Encoding, HiddenText, ModelFamily, PromptFrames
from shared.domain.period import Period

# In its first weeks the Responses API told gpt-4o something of its own: 19 recorded calls of three
# repositories, all there are of these days, one of them with an image.
_FIRST_WEEKS = HiddenText(
    during=Period(first=date(2025, 3, 10), last=date(2025, 3, 27)),
    tokens=18,
    beside_tools=216,
    beside_images=230,
)

# ChatML: 725 calls with tools, tool turns or a schema. The section on tools costs a token less than
# its text, here as if its heading were shorter.
_CHATML_CHAT = Dialect(
    prompt=PromptFrames(
        tools=-1, response_format=0, in_system_message=True, forced_tool=7, no_tool=1, merges_calls=True
    ),
    answer=AnswerFrames(text_with_tools=1, refusal=1),
)
_CHATML_RESPONSES = Dialect(
    prompt=PromptFrames(
        tools=3, response_format=1, forced_tool=7, call=4, stored_call=3, result=5, names_recipients=True
    ),
    answer=AnswerFrames(text=1, text_with_tools=2, call=7, forced_call=1),
)
_GPT_4O_RESPONSES = replace(_CHATML_RESPONSES, prompt=replace(_CHATML_RESPONSES.prompt, hidden=_FIRST_WEEKS))
_GPT_3_5 = ModelFamily(encoding=Encoding.CL100K_BASE, chat=_CHATML_CHAT, responses=_CHATML_RESPONSES)
_GPT_4 = replace(_GPT_3_5, chat=replace(_CHATML_CHAT, answer=AnswerFrames(text_with_tools=1, call=3)))  # 5 calls
_GPT_4_TURBO = replace(_GPT_3_5, image=TilePrice(base=85, tile=170))

# Azure bills the token that ends an answer, OpenAI does not: 34 of 36 answers of Azure.
_GPT_4O = ModelFamily(
    encoding=Encoding.O200K_BASE,
    azure_end_tokens=1,
    chat=_CHATML_CHAT,
    responses=_CHATML_RESPONSES,
    image=TilePrice(base=85, tile=170),
)
_O1_MINI = replace(
    _GPT_4O,
    reasons=True,
    image=None,
    chat=replace(_CHATML_CHAT, answer=AnswerFrames(text=11)),  # 3 calls
)

# These open the reply with "<|start|>assistant", as in OpenAI's Harmony format, where a past answer
# names its channel: https://developers.openai.com/cookbook/articles/openai-harmony
# How the o-series shows tools in the Responses API, and schemas in either, was not recorded.
_O_SERIES = ModelFamily(
    encoding=Encoding.O200K_BASE,
    assistant_tokens=2,
    priming_tokens=2,
    reasons=True,
    chat=Dialect(
        prompt=PromptFrames(tools=10, merges_calls=True), answer=AnswerFrames(text=13, text_with_tools=14, call=20)
    ),
    responses=Dialect(prompt=PromptFrames(names_recipients=True), answer=AnswerFrames(text=1, text_with_tools=1)),
    image=TilePrice(base=75, tile=150),
)
_O3_MINI = replace(_O_SERIES, assistant_tokens=0, image=None)  # a single call with history
_O4_MINI = replace(
    _O_SERIES,
    chat=replace(_O_SERIES.chat, answer=AnswerFrames(text=20, text_with_tools=20, call=20)),
    image=PatchPrice(multiplier=Decimal("1.72")),
)

# Chat completions tell these models something beside the tools, 82 tokens long. In the Responses API
# the frame of a call is that of the answer it was (10) and of the reply before it (2), without the
# three tokens that say its arguments are JSON (" <|constrain|>json") where it has no id.
_GPT_5_RESPONSES_PROMPT = PromptFrames(
    tools=8,
    response_format=0,
    call=9,
    stored_call=3,
    stored_by="id",
    result=6,
    names_recipients=True,
    merges_calls=True,
)
_GPT_5 = ModelFamily(
    encoding=Encoding.O200K_BASE,
    assistant_tokens=2,
    priming_tokens=2,
    azure_end_tokens=1,
    reads_harmony=True,
    reasons=True,
    chat=Dialect(
        prompt=PromptFrames(tools=90, image_beside_tools=1, call=9, result=9, merges_calls=True),
        answer=AnswerFrames(text=9, text_with_tools=9, call=15),
    ),
    responses=Dialect(
        prompt=_GPT_5_RESPONSES_PROMPT,
        answer=AnswerFrames(text=4, text_with_tools=4, call=10, reasoned=2, names_format=True),
    ),
    image=TilePrice(base=70, tile=140),
)
_GPT_5_4 = replace(
    _GPT_5,
    chat=replace(_GPT_5.chat, answer=AnswerFrames(text=3, text_with_tools=3, call=9)),
    responses=replace(_GPT_5.responses, prompt=replace(_GPT_5_RESPONSES_PROMPT, call=12, stored_call=0)),
    image=PatchPrice(multiplier=Decimal("1.2")),
)

# Embeddings and legacy completions send bare text: their family is its encoding.
TEXT = ModelFamily(encoding=Encoding.CL100K_BASE)

# What a chat model is taken for whose name nobody knows.
GPT_4O = _GPT_4O

# A row is the start of a model's name, up to a dash, a colon or its end; one that ends in "." takes
# whatever follows. Encodings as in tiktoken 0.14.0, tiktoken/model.py, and prices of images as in
# https://platform.openai.com/docs/guides/images-vision#calculating-costs, but where noted.
FAMILIES = {
    "gpt-3.5": _GPT_3_5,
    "gpt-4": _GPT_4,
    "gpt-4-1106": _GPT_4_TURBO,
    "gpt-4-0125": _GPT_4_TURBO,
    "gpt-4-turbo": _GPT_4_TURBO,
    "gpt-4-vision": _GPT_4_TURBO,
    "gpt-4.": _GPT_4O,
    "gpt-4.1-mini": replace(_GPT_4O, image=PatchPrice(multiplier=Decimal("1.62"), frame=2)),
    "gpt-4.1-nano": replace(_GPT_4O, image=PatchPrice(multiplier=Decimal("2.46"))),
    "gpt-4o": replace(_GPT_4O, responses=_GPT_4O_RESPONSES),
    "gpt-4o-mini": replace(_GPT_4O, image=TilePrice(base=2833, tile=5667)),
    "chatgpt-4o": _GPT_4O,
    "gpt-audio": _GPT_4O,  # not in tiktoken; its recorded text is gpt-4o's
    "o1-mini": _O1_MINI,  # its recorded prompts are ChatML, unlike those of the later o-series
    "o1-preview": _O1_MINI,  # released with o1-mini
    "o1": _O_SERIES,
    "o3": _O_SERIES,
    "o3-mini": _O3_MINI,
    "o4-mini": _O4_MINI,
    "codex-mini": _O4_MINI,  # https://platform.openai.com/docs/models/codex-mini-latest: it is a version of o4-mini
    "computer-use-preview": _O_SERIES,  # a single call without its tool
    "gpt-5": _GPT_5,
    # As billed: the guide's 1.62 and 2.46 are those of gpt-4.1-mini and -nano.
    "gpt-5-mini": replace(_GPT_5, image=PatchPrice(multiplier=Decimal("1.2"))),
    "gpt-5-nano": replace(_GPT_5, image=PatchPrice(multiplier=Decimal("1.5"))),
    "gpt-5.1": _GPT_5,
    "gpt-5.2": replace(_GPT_5, image=None),
    "gpt-5.": _GPT_5_4,
    "text-embedding-ada-002": TEXT,
    "text-embedding-3": TEXT,
    "davinci-002": TEXT,
    "babbage-002": TEXT,
    # Aliases that Azure (for text-embedding-ada-002) and OpenAI answer with. tiktoken maps them to
    # the retired GPT-3 models, whose count is 1 to 7 off what is billed.
    "ada": TEXT,
    "curie": TEXT,
    "babbage": TEXT,
    "davinci": TEXT,
}
