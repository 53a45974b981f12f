"""Results out: to standard output or a file, as JSON, JSON Lines, CSV or Parquet."""
