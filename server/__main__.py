"""`python -m server …`: the hub's command line."""

from server.cli import main

if __name__ == "__main__":
    main(prog_name="python -m server")
