"""``python -m affekt``: the same as ``affekt``."""

from affekt.cli import main

if __name__ == "__main__":
    main()
