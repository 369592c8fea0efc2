"""Not here, as where Imageyard is installed: `make lint` alone needs it, but structlog would load it everywhere."""

raise ImportError("rich is a part of no Imageyard; scripts/run_tests.py puts this in front of it")
