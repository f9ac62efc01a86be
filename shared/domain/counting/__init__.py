"""
How many tokens a call used, by the text that was sent and seen.

    count.py              a count, and what it leaves out
    rules.py              what is counted by: a family, an API, who counts text, and the day
    periods.py            what the service did for a time
    json_values.py        reading JSON that may be of any type
    messages.py           turns of a conversation, in both dialects
    media.py              images and sounds in them
    tool_turns.py         calls an assistant made, and their results
    tool_definitions.py   the tools a caller defines, as the model is shown them
    schema_types.py       their parameters, as types
    response_format.py    the schema an answer must follow, as the model is shown it
    chat_turns.py         the turns of a chat
    chat_prompt.py        the request of chat completions
    responses_prompt.py   the request of responses
    text_prompt.py        the requests of legacy completions and embeddings
    completion.py         the answer of any of them

`token_counting.py` beside this package makes a usage of it; the numbers that differ by model stand in
`model_families.py`. Everything else is how OpenAI writes a request out for its models, as far as
recorded calls and their bills tell.
"""
