"""`python -m scripts.seed` is the same as `truestyle seed`."""

import sys

from truestyle.cli.app import app

if __name__ == "__main__":
    app(["seed", *sys.argv[1:]])
