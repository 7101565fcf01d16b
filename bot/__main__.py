"""`python -m bot` and the command `flannel-bot`."""

import sys


def main() -> None:
    """Run the command line; faults meant for people are one line and an exit code."""
    from bot import cli  # not at import: children that only migrate need none of it

    sys.exit(cli.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
