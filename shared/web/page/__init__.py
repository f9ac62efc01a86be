"""The page on which people look at usage: its files, and what they need to know of who looks."""
