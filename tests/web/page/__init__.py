"""The page, as it is served and as a browser shows it."""
