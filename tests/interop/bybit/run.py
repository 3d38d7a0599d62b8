#!/usr/bin/env python3
"""Drives the paper exchange with Bybit's official client and with ccxt: their own parsing is the judge.

With words as arguments only the groups whose names hold one of them run.
"""

import sys

import ccxt_orders
import ccxt_streams
import pybit_account
import pybit_market
import pybit_orders
import pybit_streams
from world import Tally, run


def main():
    tally = Tally()
    for module in (pybit_market, pybit_account, pybit_orders, pybit_streams, ccxt_orders, ccxt_streams):
        run(module.GROUPS, tally)
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return 1 if tally.failures or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
