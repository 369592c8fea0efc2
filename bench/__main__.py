"""`python -m bench [name]`: each benchmark prints one tab-separated line: name, ours, yardstick, ratio."""

from __future__ import annotations

import importlib
import sys

# Name → module with `run() -> dict[name, Figure]`; one module may measure several names in one go.
MODULES = {
    "push-to-tag": "push_to_tag",
    "million-lines": "million_lines",
    "line-to-browser-p50": "line_to_browser",
    "line-to-browser-p99": "line_to_browser",
    "viewers-1000-p99": "live",
    "webhook-answer": "webhook_answer",
    "pages-large": "pages_large",
    "open-million-lines": "open_million_lines",
    "log-first-paint": "log_viewer",
    "log-memory-mb": "log_viewer",
    "log-frame": "log_viewer",
    "log-frame-wrapped": "log_viewer",
    "log-search": "log_viewer",
    "log-search-regex": "log_viewer",
    "log-search-coloured": "log_viewer",
}


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in MODULES]:
        print(f"There is no benchmark {unknown[0]}. There are: {', '.join(MODULES)}.", file=sys.stderr)
        return 2
    wanted = names or list(MODULES)
    lines = []
    for module in dict.fromkeys(MODULES[name] for name in wanted):
        figures = importlib.import_module(f"bench.{module}").run()
        lines += [figure.line(name) for name, figure in figures.items() if name in wanted]
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
