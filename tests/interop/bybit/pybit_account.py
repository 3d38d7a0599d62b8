"""Wallet, keys, fees, transfers and the logs of the account as pybit reads them."""

import uuid

from pybit_client import http


def wallet(sim, tally):
    client = http(sim)
    row = client.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]
    coins = {coin["coin"]: coin for coin in row["coin"]}
    tally.same("the first money is there", coins["USDT"]["walletBalance"], 10_000)
    tally.same("and the first USDC", coins["USDC"]["walletBalance"], 1_000)
    tally.same("equity is the sum", row["totalEquity"], 11_000)
    tally.same("nothing is bound", row["totalInitialMargin"], 0)
    one = client.get_wallet_balance(accountType="UNIFIED", coin="USDC")["result"]["list"][0]["coin"]
    tally.same("one coin alone", [coin["coin"] for coin in one], ["USDC"])
    info = client.get_account_info()["result"]
    tally.same("a unified account, cross margin", (info["unifiedMarginStatus"], info["marginMode"]), (5, "REGULAR_MARGIN"))
    fees = client.get_fee_rates(category="linear", symbol="BTCUSDT")["result"]["list"][0]
    tally.same("fees of perpetuals", (fees["takerFeeRate"], fees["makerFeeRate"]), ("0.00055", "0.0002"))
    collateral = client.get_collateral_info(currency="USDT")["result"]["list"][0]
    tally.same("USDT is collateral", (collateral["currency"], collateral["marginCollateral"]), ("USDT", True))


def keys(sim, tally):
    plain = http(sim).get_api_key_information()["result"]
    tally.same("the plain key may not withdraw", (plain["readOnly"], plain["permissions"]["Wallet"]), (0, []))
    reading = http(sim, key="paper-read-only")
    tally.same("a key that only reads says so", reading.get_api_key_information()["result"]["readOnly"], 1)
    order = dict(category="linear", symbol="BTCUSDT", side="Buy", orderType="Limit", qty="0.01", price="60000")
    tally.refused("an order by it", 10005, lambda: reading.place_order(**order))
    tally.refused("an expired key", 33004, lambda: http(sim, key="paper-expired").get_account_info())
    tally.refused("a key bound elsewhere", 10010, lambda: http(sim, key="paper-elsewhere").get_account_info())
    tally.refused("a wrong secret", 10004, lambda: http(sim, secret="wrong").get_account_info())
    tally.refused("an unknown key", 10003, lambda: http(sim, key="nobody").get_account_info())


def transfers(sim, tally):
    client = http(sim)
    moved = str(uuid.uuid4())
    transfer = dict(transferId=moved, coin="USDT", amount="250.5", fromAccountType="UNIFIED", toAccountType="FUND")
    tally.same("a transfer", client.create_internal_transfer(**transfer)["result"]["status"], "SUCCESS")
    tally.refused("the same transfer again", 131214, lambda: client.create_internal_transfer(**transfer))
    row = client.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]["coin"][0]
    tally.same("it left the trading wallet", row["walletBalance"], "9749.5")
    there = client.get_coins_balance(accountType="FUND", coin="USDT")["result"]["balance"][0]
    tally.same("and arrived in the other", there["walletBalance"], "250.5")
    listed = client.get_internal_transfer_records(transferId=moved)["result"]["list"]
    tally.same("it is on the list", [(row["amount"], row["status"]) for row in listed], [("250.5", "SUCCESS")])
    too_much = {**transfer, "transferId": str(uuid.uuid4()), "amount": "99999"}
    tally.refused("more than there is", 131212, lambda: client.create_internal_transfer(**too_much))
    withdrawable = client.get_transferable_amount(coinName="USDT")["result"]
    tally.same("what may go", withdrawable["availableWithdrawal"], "9749.5")


def log(sim, tally):
    """Every change of the wallet is on the log, and the log adds up."""
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    for side in ("Buy", "Sell"):
        client.place_order(category="linear", symbol="BTCUSDT", side=side, orderType="Market", qty="0.2")
    client.place_order(category="spot", symbol="ETHUSDT", side="Buy", orderType="Market", qty="500", marketUnit="quoteCoin")
    rows, cursor = [], ""
    while True:
        page = client.get_transaction_log(accountType="UNIFIED", limit=3, cursor=cursor)["result"]
        rows += page["list"]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    from decimal import Decimal

    for coin in ("USDT", "ETH", "USDC"):
        total = sum(Decimal(row["change"]) for row in rows if row["currency"] == coin)
        balance = client.get_wallet_balance(accountType="UNIFIED", coin=coin)["result"]["list"][0]["coin"][0]
        tally.same(f"the log of {coin} adds up to its balance", total, balance["walletBalance"])
    for row in rows:
        change = Decimal(row["cashFlow"] or 0) + Decimal(row["funding"] or 0) - Decimal(row["fee"] or 0)
        tally.same("change = cash flow + funding - fee", row["change"], change)
    closed = client.get_closed_pnl(category="linear", symbol="BTCUSDT")["result"]["list"]
    tally.same("one closing order", len(closed), 1)
    # Bought at 60000.1, sold at 59999.9, both within the first level; 0.055 percent each way.
    gain = Decimal("-0.04") - Decimal("0.00055") * (Decimal("12000.02") + Decimal("11999.98"))
    tally.same("its profit is net of both fees", closed[0]["closedPnl"], gain)


GROUPS = [wallet, keys, transfers, log]
