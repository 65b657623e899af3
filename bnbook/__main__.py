"""`python -m bnbook` is the command `bnbook`."""

from bnbook.cli import main

if __name__ == "__main__":
    main()
