"""What `python -m bench.query` is made of."""
