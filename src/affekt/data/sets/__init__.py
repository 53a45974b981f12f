"""Data sets as they are published, each turned into a manifest."""
