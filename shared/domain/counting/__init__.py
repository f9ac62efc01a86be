"""
How many tokens a call used, by the text that was sent and seen.

    count.py              a count, and what it leaves out
    json_values.py        reading JSON that may be of any type
    messages.py           turns of a conversation, in both dialects
    chat_prompt.py        the request of chat completions
    responses_prompt.py   the request of responses
    text_prompt.py        the requests of legacy completions and embeddings
    completion.py         the answer of any of them

`token_counting.py` beside this package makes a usage of it.
"""
