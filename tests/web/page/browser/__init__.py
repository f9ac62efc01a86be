"""The page as a browser shows it: real files, real Chromium, answers of a sample."""
