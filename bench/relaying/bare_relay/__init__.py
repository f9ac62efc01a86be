"""A function app: the least that relays."""
