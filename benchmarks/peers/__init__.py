"""Other people's packages, each in an environment of its own, driven through one small protocol."""
