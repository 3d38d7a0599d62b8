"""Vibe-Trading 0.1.18 as released against the mandated binary: `run.py [--check=NAME ...]`, by way of ../run.

Each module has a list CHECKS of functions. A function proves one thing, described in its first line, and returns
the numbers that it compared.
"""

import argparse
import importlib
import logging
import sys
import time
import traceback
from importlib.metadata import version

import world

MODULES = ("adapter", "mandate", "halt", "counter", "ledgers", "planted", "differential")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="append", default=[], help="a module, or module.function")
    wanted = parser.parse_args().check
    logging.disable(logging.CRITICAL)  # their warnings are expected: malformed mandates, tripped switches
    world.equal(version("vibe-trading-ai"), "0.1.18", "the version of vibe-trading-ai")
    chosen = [(name, check) for name, check in every_check() if not wanted or {name, name.split(".")[0]} & set(wanted)]
    if not chosen:
        sys.exit(f"no check is called {', '.join(wanted)}: there are {', '.join(name for name, _ in every_check())}")
    outcomes = [passes(name, check) for name, check in chosen]
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


def every_check():
    for module in MODULES:
        for check in importlib.import_module(module).CHECKS:
            yield f"{module}.{check.__name__}", check


def passes(name: str, check) -> bool:
    started = time.monotonic()
    try:
        numbers = check()
    except world.Failed as failure:
        print(f"FAILED  {name}: {failure}", flush=True)
        return False
    except Exception:
        print(f"FAILED  {name}: {traceback.format_exc()}", flush=True)
        return False
    print(f"ok  {name}: {numbers} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
