"""What a manifest holds: checks, statistics and the agreement of its annotators."""
