"""The command line: each command body is a few lines that call one room."""

from affekt.cli.app import main

__all__ = ["main"]
