"""What does not add up, for people to look at: each finding with its evidence, and what has become of it."""
