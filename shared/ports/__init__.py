"""What use cases need from outside, as small Protocols. Adapters fulfil them; so do the fakes in tests."""
