"""One order at a time and one count for the day, whichever program places the order."""

import multiprocessing
import threading
import time
from types import SimpleNamespace

from src.live.daily_count import DailyOrderLockUnavailable, _read_action_ids, _utc_today, daily_order_lock
from src.live.daily_count import increment_daily_count, read_daily_count
from src.live.enforcement import OrderIntent
from src.live.mandate.model import InstrumentType
from src.live.sdk_order_gate import execute_live_order

from world import BROKER, World, equal, expect, is_full_run, keep_clear_of_midnight, refusal

ORDER = {"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "0.1"}
ROOMY = {"max_total_exposure_usd": 10_000_000, "account_funding_usd": 10_000_000, "max_trades_per_day": 100_000}
PATIENCE_SECONDS = 5


def while_they_hold_the_lock_we_wait_and_refuse() -> str:
    """Their `daily_order_lock` keeps us waiting; let go in time we place, held on we refuse after 5 seconds."""
    keep_clear_of_midnight()
    with World() as world, world.session() as session:
        world.put_mandate(**ROOMY)
        waited = {}
        for seconds in (2, 60):
            held, let_go = threading.Event(), threading.Event()
            holder = threading.Thread(target=hold, args=(held, let_go, seconds))
            holder.start()
            held.wait()
            started = time.monotonic()
            reply = session.call("bybit_place_order", **ORDER)
            waited[seconds] = time.monotonic() - started
            let_go.set()
            holder.join()
            if seconds == 2:
                equal(reply["status"], "filled", f"an order while the lock was held for 2 s: {reply}")
            else:
                expect(reply["ok"] is False and ".order_submit.lock" in reply["reason"], f"while it was held on: {reply}")
        expect(1.5 < waited[2] < PATIENCE_SECONDS, f"held for 2 s we waited {waited[2]:.2f} s")
        expect(PATIENCE_SECONDS - 0.1 < waited[60] < PATIENCE_SECONDS + 2, f"held on we waited {waited[60]:.2f} s")
        equal(read_daily_count(BROKER), 1, "orders counted")
    return f"placed after {waited[2]:.1f} s, refused after {waited[60]:.1f} s, 1 counted"


def hold(held: threading.Event, let_go: threading.Event, seconds: float) -> None:
    with daily_order_lock(BROKER):
        held.set()
        let_go.wait(timeout=seconds)


def while_we_hold_the_lock_they_refuse() -> str:
    """While an order of ours is on its way, their order gate refuses and sends nothing; afterwards it goes through."""
    keep_clear_of_midnight()
    slow = '[{"path": "/v5/order/create", "kind": "delay_before", "ms": 4000, "times": 1}]'
    with World() as world, world.session(MANDATED_PAPER_FAULTS=slow) as session:
        world.put_mandate(**ROOMY)
        replies = []
        ours = threading.Thread(target=lambda: replies.append(session.call("bybit_place_order", **ORDER)))
        ours.start()
        wait_until(lambda: list(world.folder.glob("inflight/*.json")), "our order is on its way")
        try:
            with daily_order_lock(BROKER):
                expect(False, "their daily_order_lock let them in while our order is on its way")
        except DailyOrderLockUnavailable as refused:
            words = str(refused)
        sent = []
        reply = their_order(sent)
        equal((reply["status"], reply["reason"], sent), ("blocked", words, []), "their order meanwhile")
        equal(replies, [], "our reply while they were refused")
        ours.join()
        equal(replies[0]["status"], "filled", f"our order: {replies}")
        their_order(sent)
        equal((len(sent), read_daily_count(BROKER)), (1, 2), "their orders sent afterwards, and the day's count")
    return f"refused with {words!r}, then 1 of theirs and 1 of ours counted"


def their_order(sent: list) -> dict:
    """An order through their whole order gate, with a stand-in for the broker's SDK that notes what is sent."""
    sdk = SimpleNamespace(
        get_positions=lambda *_: {"positions": []},
        get_account_snapshot=lambda *_: {"equity": 1000.0},
        get_quote=lambda *_, **__: {"last": 150.0},
        place_order=lambda *args, **named: sent.append(named) or {"status": "ok", "order_id": "1"},
    )
    intent = OrderIntent(symbol="SOLUSDT", side="buy", notional_usd=15.0, quantity=None, instrument_type=InstrumentType.CRYPTO)
    return execute_live_order(broker=BROKER, connector_module=sdk, config=None, intent=intent, place_kwargs={"symbol": "SOLUSDT"})


def wait_until(holds, what: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < end, f"it did not happen within {seconds} s: {what}")
        time.sleep(0.01)


def both_count_on_one_file() -> str:
    """Two processes of each program count at the same time: nothing is lost, every id is kept, both read the same."""
    keep_clear_of_midnight()
    total, ours_wanted = (1000, 120) if is_full_run() else (200, 30)
    theirs_wanted = total - ours_wanted
    workers = multiprocessing.get_context("spawn")
    with World() as world, world.session() as first, world.session() as second:
        world.put_mandate(**ROOMY)
        halves = [[], []]
        threads = [threading.Thread(target=our_orders, args=(session, index, ours_wanted // 2, halves[index]))
                   for index, session in enumerate((first, second))]
        together = workers.Barrier(3)
        processes = [workers.Process(target=their_increments, args=(name, theirs_wanted // 2, together)) for name in ("a", "b")]
        for process in processes:
            process.start()
        together.wait(timeout=60)
        for thread in threads:
            thread.start()
        for worker in (*processes, *threads):
            worker.join()
        equal([process.exitcode for process in processes], [0, 0], "how their processes ended")
        ours = halves[0] + halves[1]
        equal(len(ours), ours_wanted, "our orders that were let through")
        date, ids = _read_action_ids(BROKER)
        wanted = {*ours, *(f"{name}-{index}" for name in ("a", "b") for index in range(theirs_wanted // 2))}
        equal((date, read_daily_count(BROKER), len(ids), set(ids)), (_utc_today(), total, total, wanted), "what their strict reader finds")
        turns = sum(left.startswith("interop-") != right.startswith("interop-") for left, right in zip(ids, ids[1:]))
        expect(turns >= 10, f"the two sides took turns only {turns} times: they did not run at the same time")
        world.put_mandate(**ROOMY | {"max_trades_per_day": total})
        reply = first.call("bybit_place_order", **ORDER)
        equal((refusal(reply), int(reply["breach"]["attempted_value"])), ("max_trades_per_day", total + 1), "the count as our gate reads it")
    return f"{theirs_wanted} of theirs and {ours_wanted} of ours, {turns} turns, {len(ids)} distinct ids, both read {total}"


def our_orders(session, index: int, wanted: int, placed: list) -> None:
    """Accepted orders one after the other, each counted under the id that it was given."""
    for number in range(wanted):
        client_id = f"interop-{index}-{number}"
        reply = session.call("bybit_place_order", **ORDER, order_link_id=client_id)
        if refusal(reply) is not None:
            return
        placed.append(client_id)


def their_increments(name: str, wanted: int, together) -> None:
    """What their order gate does around each order: the lock, then the count. It does not wait, so it tries again."""
    together.wait(timeout=60)
    for index in range(wanted):
        while True:
            try:
                with daily_order_lock(BROKER):
                    increment_daily_count(BROKER, f"{name}-{index}")
                break
            except DailyOrderLockUnavailable:
                time.sleep(0.002)
        # An order takes them longer than this; without a pause nobody else would ever find the lock free.
        time.sleep(0.04)


CHECKS = [while_they_hold_the_lock_we_wait_and_refuse, while_we_hold_the_lock_they_refuse, both_count_on_one_file]
