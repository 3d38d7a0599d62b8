"""A mandate's text, now and then damaged: a field gone, of another type, out of range, or not JSON at all."""

import json
import random
import re

NUMBERS = ("account_funding_usd", "max_order_notional_usd", "max_total_exposure_usd", "max_leverage")
ODD_NUMBERS = [None, True, "1000", "", [], {}, -1.0, "NaN", "Infinity", "1e3", "1_000"]
SECTIONS = ("hard_caps", "universe", "consent")


def exactly(digits: str) -> str:
    """A number that `written` writes with these digits; as a float it might lose the last of them."""
    return f"@{digits}"


def written(mandate: object) -> str:
    return re.sub(r'"@([0-9.]+)"', r"\1", json.dumps(mandate))


def text_of(rng: random.Random, mandate: dict, tags: set[str]) -> str:
    """The text of the mandate file; a damaged one gets the tag `mandate`."""
    if rng.random() > 0.06:
        return written(mandate)
    tags.add("mandate")
    damage = rng.choice([a_field_gone, a_number_of_another_type, another_version, a_word_unknown, another_broker,
                         not_a_whole_count, a_section_of_another_type, not_json, a_constant_that_json_lacks, a_key_twice])
    return damage(rng, mandate)


def a_field_gone(rng: random.Random, mandate: dict) -> str:
    section = rng.choice([mandate, *(mandate[name] for name in SECTIONS)])
    del section[rng.choice(list(section))]
    return written(mandate)


def a_number_of_another_type(rng: random.Random, mandate: dict) -> str:
    mandate["hard_caps"][rng.choice(NUMBERS)] = rng.choice(ODD_NUMBERS)
    return written(mandate)


def another_version(rng: random.Random, mandate: dict) -> str:
    mandate["schema_version"] = rng.choice([0, 2, "1", 1.0, 1.5, True, None])
    return written(mandate)


def a_word_unknown(rng: random.Random, mandate: dict) -> str:
    section, name = rng.choice([("hard_caps", "allowed_instruments"), ("universe", "asset_classes")])
    mandate[section][name] = rng.choice([["Crypto"], ["crypto", "perpetual"], "crypto", [1], None])
    return written(mandate)


def another_broker(rng: random.Random, mandate: dict) -> str:
    mandate["consent"]["broker"] = rng.choice(["robinhood", "", "bybit2", " BYBIT ", 1])
    return written(mandate)


def not_a_whole_count(rng: random.Random, mandate: dict) -> str:
    mandate["hard_caps"]["max_trades_per_day"] = rng.choice([50.0, 1.9, "50", -1, True, None, "many", 1e300])
    return written(mandate)


def a_section_of_another_type(rng: random.Random, mandate: dict) -> str:
    mandate[rng.choice(SECTIONS)] = rng.choice([None, [], "x", 1])
    return written(mandate)


def not_json(rng: random.Random, mandate: dict) -> str:
    text = written(mandate)
    return rng.choice(["", "null", "[]", text[: rng.randrange(len(text))], text + "}", "\ufeff" + text])


def a_constant_that_json_lacks(rng: random.Random, mandate: dict) -> str:
    """Python writes and reads NaN and Infinity."""
    mandate["hard_caps"][rng.choice(NUMBERS)] = rng.choice([float("nan"), float("inf"), float("-inf")])
    return written(mandate)


def a_key_twice(rng: random.Random, mandate: dict) -> str:
    """Python takes the last of them, so a reader sees one cap and the program another."""
    return written(mandate).replace('"max_order_notional_usd":', '"max_order_notional_usd": 1.0, "max_order_notional_usd":')
