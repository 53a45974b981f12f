"""What labelled people without pictures teach: hooks that the training loop does not know."""
