"""The catalogue of losses on the command line: `python -m microloss losses`, `... choose`."""

import argparse
import difflib
import os
import sys

from . import catalogue, worked


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m microloss", description="The catalogue of losses, and which one to choose."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    losses = commands.add_parser("losses", help="the table of losses, or the card of one")
    losses.add_argument("name", nargs="?", help="a loss, such as huber_loss")
    losses.add_argument(
        "--markdown", action="store_true", help="the table as it is in losses/README.md"
    )
    derive = commands.add_parser("derive", help="the gradient of a loss, written out line by line")
    derive.add_argument("name", help="a loss, such as huber_loss")
    derive.add_argument("--values", action="store_true", help="with the numbers of the example")
    choose = commands.add_parser("choose", help="which loss for which task, and why")
    choose.add_argument(
        "task", nargs="?", choices=catalogue.TASKS, help="what the model should learn"
    )
    args = parser.parse_args(argv)

    if args.command == "choose":
        print(catalogue.advice(args.task))
    elif args.command == "derive" and args.name in catalogue.LOSSES:
        print(worked.explained(args.name, values=args.values))
    elif args.command == "losses" and args.markdown:
        print(catalogue.markdown())
    elif args.name is None:
        print(catalogue.table())
    elif args.name in catalogue.LOSSES:
        print(catalogue.card(args.name).text())
    else:
        close = difflib.get_close_matches(args.name, catalogue.LOSSES, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(close)}? " if close else ""
        parser.error(f"unknown loss {args.name!r}: {hint}`python -m microloss losses` lists all")
    return 0


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
