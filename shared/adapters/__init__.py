"""The world outside, one technology a file."""
