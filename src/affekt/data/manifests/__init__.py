"""A manifest: what every data set becomes, one Parquet file with a row per labelled person."""
