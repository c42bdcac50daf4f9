"""`python -m ru1_app` is the `ru1` command."""

from ru1_app.cli import main

if __name__ == "__main__":
    main()
