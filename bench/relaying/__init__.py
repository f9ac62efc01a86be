"""What `python -m bench.relay` is made of, each part a process of its own."""
