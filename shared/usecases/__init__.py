"""What the app does, one verb a file."""
