"""Evaluations as people read them: tables, Markdown, a page, a Parquet file."""
