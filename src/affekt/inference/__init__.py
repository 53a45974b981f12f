"""Pictures in, people and their apparent emotions out."""
