"""A year of generated nights: what happens in it, how it is measured, judged and stored, and what was told of it."""
