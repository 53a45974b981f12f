"""Cross-training: a hook around the loop, which trains several heads and lets each judge others."""
