"""ccxt pointed at the paper exchange: only addresses are changed."""

import ccxt
import ccxt.pro


def _point(exchange, sim):
    for group, address in exchange.urls["api"].items():
        if isinstance(address, str):
            exchange.urls["api"][group] = sim.url
    return exchange


def http(sim, **more):
    exchange = ccxt.bybit({"apiKey": "paper", "secret": "paper", "enableRateLimit": False, **more})
    exchange.options["enableUnifiedAccount"] = True
    exchange.options["enableUnifiedMargin"] = False
    return _point(exchange, sim)


def streaming(sim):
    exchange = ccxt.pro.bybit({"apiKey": "paper", "secret": "paper", "enableRateLimit": False})
    exchange.options["enableUnifiedAccount"] = True
    exchange.options["enableUnifiedMargin"] = False
    addresses = exchange.urls["api"]["ws"]

    def swap(value):
        if isinstance(value, dict):
            return {key: swap(inner) for key, inner in value.items()}
        path = value.split("/v5/", 1)
        return f"{sim.ws}/v5/{path[1]}" if len(path) == 2 else value

    ws = swap(addresses)
    _point(exchange, sim)
    exchange.urls["api"]["ws"] = ws
    return exchange
