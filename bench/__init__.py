"""The benchmarks: what the hub costs beside what it is built on, as ratios within one run. `python -m bench` prints the table."""
