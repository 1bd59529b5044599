"""The main job of the hub, end to end and with nothing faked: `make demo`, or `python -m demo`."""
