"""`python -m blit` is the `blit` command."""

from blit.cli import main

if __name__ == "__main__":
    main()
