"""pybit pointed at the paper exchange: only addresses are changed."""

import logging

from pybit import _websocket_trading, unified_trading
from pybit.unified_trading import HTTP, WebSocket, WebSocketTrading

logging.getLogger("pybit").setLevel(logging.CRITICAL)


def http(sim, key="paper", secret="paper", **more):
    client = HTTP(api_key=key, api_secret=secret, logging_level=logging.CRITICAL, retry_delay=1, **more)
    client.endpoint = sim.url
    return client


def _addresses(sim):
    unified_trading.PRIVATE_WSS = f"{sim.ws}/v5/private"
    unified_trading.PUBLIC_WSS = f"{sim.ws}/v5/public/{{CHANNEL_TYPE}}"
    _websocket_trading.TRADE_WSS = f"{sim.ws}/v5/trade"


def stream(sim, channel):
    _addresses(sim)
    keys = {"api_key": "paper", "api_secret": "paper"} if channel == "private" else {}
    return WebSocket(channel_type=channel, testnet=False, **keys)


def trading(sim):
    _addresses(sim)
    return WebSocketTrading(testnet=False, api_key="paper", api_secret="paper")
