"""What stands behind `make up`: the parts that run as child processes, and the order they start and stop in."""
