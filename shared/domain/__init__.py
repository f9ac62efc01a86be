"""What we know: bytes and values in, values out. No I/O, no clock, no logging."""
