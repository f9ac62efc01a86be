"""What `python -m bench.ingest` is made of."""
