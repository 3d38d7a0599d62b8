"""Times Vibe-Trading's `check_mandate` with 20 positions (it knows no resting orders): `decide.py RUNS`."""

import sys
import time

from src.live.enforcement import OrderIntent, check_mandate
from src.live.mandate.model import AssetClass, ConsentMeta, HardCaps, InstrumentType, Mandate, UniverseConstraint

MANDATE = Mandate(
    schema_version=1,
    hard_caps=HardCaps(
        account_funding_usd=1e6, max_order_notional_usd=1e3, max_total_exposure_usd=3e6, max_leverage=3.0,
        allowed_instruments=(InstrumentType.CRYPTO,), max_trades_per_day=100_000,
    ),
    universe=UniverseConstraint(
        asset_classes=(AssetClass.CRYPTO,), min_market_cap_usd=None, min_avg_daily_volume_usd=None,
        exclude_symbols=("DOGE-USDT", "SHIB-USDT", "PEPE-USDT"),
    ),
    consent=ConsentMeta(
        created_at="2026-01-01T00:00:00+00:00", consent_token_sha256="ab" * 32, broker="bybit", account_ref="bench",
        expires_at="2099-01-01T00:00:00+00:00",
    ),
)
POSITIONS = [
    {"symbol": f"C{number:02}-USDT", "side": "sell" if number % 2 else "buy", "quantity": 12.5, "market_value": 1250.25}
    for number in range(20)
]
INTENT = OrderIntent(
    symbol="C07-USDT", side="buy", notional_usd=50.0, quantity=None, instrument_type=InstrumentType.CRYPTO
)
AT_A_TIME = 200


def main(runs: int) -> None:
    for _ in range(runs):
        begun = time.perf_counter_ns()
        for _ in range(AT_A_TIME):
            breach = check_mandate(
                MANDATE, INTENT, POSITIONS, {"equity": 1e6}, broker="bybit", remote_tool="bybit_place_order",
                daily_count=3,
            )
        print((time.perf_counter_ns() - begun) // AT_A_TIME, flush=True)
        assert breach is None, breach


main(int(sys.argv[1]))
