"""Two ledgers, two programs, several processes: no line torn, none lost, and the same record named when one is touched."""

import json
import multiprocessing
import random
import re
import shutil
import threading
from pathlib import Path

from src.governance.ledger import verify_chain
from src.live.audit import LiveActionEvent, audit_chain_ledger_path, write_live_action

from world import BROKER, World, equal, expect, is_full_run, seed

CHAIN_FIELDS = ("seq", "prev_record_hash", "record_hash")
OUR_BREAK = re.compile(r"^(?P<kind>\w+) in `(?P<file>[^`]+)` line (?P<line>\d+) ")
# Nothing to price and nothing to count: refused at once, with one record.
REFUSED = {"category": "linear", "symbol": "SOLUSDT"}
# Text that takes care to write alike twice: quotes, controls, accents, an astral character, numbers of every form.
AWKWARD = {"text": "quote \" slash \\ tab \t é ☂ 𝄞", "numbers": [0.1, 1e-07, 1e16, -0.0, 100.0, 12345678901234567890]}


def both_append_at_once() -> str:
    """Three processes of each program write hundreds of records; both ledgers hold each exactly once, and both verify."""
    with World() as world:
        written = write_together(world, 120 if is_full_run() else 40)
        classic, chained = world.ledger(), world.ledger("audit_chain.jsonl")
        for name, records in (("audit.jsonl", classic), ("audit_chain.jsonl", chained)):
            equal(len(records), len(written), f"the number of records in {name}")
            equal({record["audit_id"] for record in records}, written, f"the audit ids in {name}")
        by_id = {record["audit_id"]: record for record in classic}
        bare = [{key: value for key, value in record.items() if key not in CHAIN_FIELDS} for record in chained]
        equal(bare, [by_id[record["audit_id"]] for record in bare], "the chained records without their chain fields")
        equal([list(record) for record in bare], [list(record) for record in classic], "the order of their keys")
        equal([record["seq"] for record in chained], list(range(1, len(written) + 1)), "the sequence numbers")
        report = whole_for_both(world.root, world)
        equal((report["records"], report["last_hash"]), (len(written), chained[-1]["record_hash"]), "our verify")
        turns = sum((left["session_id"] == "theirs") != (right["session_id"] == "theirs") for left, right in zip(chained, chained[1:]))
        expect(turns >= 10, f"the two sides took turns only {turns} times: they did not write at the same time")
    return f"{len(written)} records, {turns} turns, in both ledgers alike, whole for both verifiers"


def write_together(world: World, each: int) -> set[str]:
    """Three processes of each side write `each` records at the same time; gives every audit id."""
    workers = multiprocessing.get_context("spawn")
    queue, together = workers.Queue(), workers.Barrier(4)
    processes = [workers.Process(target=their_records, args=(each, number, queue, together)) for number in range(3)]
    world.put_mandate()
    ours = [[] for _ in range(3)]
    threads = [threading.Thread(target=our_records, args=(world, each, ids)) for ids in ours]
    for process in processes:
        process.start()
    together.wait(timeout=60)
    for thread in threads:
        thread.start()
    theirs = [queue.get(timeout=300) for _ in processes]
    for worker in (*threads, *processes):
        worker.join()
    equal([len(ids) for ids in (*ours, *theirs)], [each] * 6, "records that each writer wrote")
    return {audit_id for ids in (*ours, *theirs) for audit_id in ids}


def our_records(world: World, wanted: int, ids: list[str]) -> None:
    with world.session() as session:
        for number in range(wanted):
            note = f"{number} " + AWKWARD["text"]
            reply = session.call("bybit_place_order", **REFUSED, qty=note)
            ids.append(reply["live_action"]["audit_id"])


def their_records(wanted: int, number: int, queue, together) -> None:
    ids = []
    together.wait(timeout=60)
    for index in range(wanted):
        event = LiveActionEvent(kind="order_rejected", session_id="theirs", outcome="blocked", server=BROKER,
                                remote_tool="place_order", intent_normalized=f"{number}-{index}", broker_request=AWKWARD)
        ids.append(write_live_action(event)["audit_id"])
    queue.put(ids)


def whole_for_both(root: Path, world: World) -> dict:
    theirs = verify_chain(root / "live/audit_chain.jsonl")
    ran = world.run("audit", "verify", "--json", root=root)
    report = json.loads(ran.stdout)
    equal((theirs.ok, report["whole"], ran.returncode), (True, True, 0), f"both verifiers: {theirs}, {report}")
    equal(theirs.record_count, report["records"], "records that both verified")
    return report


def both_name_the_record_that_was_touched() -> str:
    """On copies of a mixed ledger one byte is changed, a line removed, two swapped: both name the same line and reason."""
    rng = random.Random(seed())
    trials = 40 if is_full_run() else 12
    named = {}
    with World() as world:
        write_together(world, 10)
        lines = audit_chain_ledger_path().read_bytes().splitlines(keepends=True)
        whole_for_both(world.root, world)
        for damage in (change_a_byte, remove_a_line, swap_two_lines, cut_the_end):
            for trial in range(trials):
                touched, expected = damage(list(lines), rng)
                copy = world.home / f"{damage.__name__}-{trial}"
                shutil.copytree(world.root, copy)
                (copy / "live/audit_chain.jsonl").write_bytes(b"".join(touched))
                kind = same_break(copy, world, expected)
                named[kind] = named.get(kind, 0) + 1
                shutil.rmtree(copy)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(named.items()))
    return f"{4 * trials} copies of {len(lines)} records, the same line named in each: {kinds}"


def change_a_byte(lines: list[bytes], rng: random.Random) -> tuple[list[bytes], int]:
    """Another printable character in the place of one; the text stays UTF-8."""
    index = rng.randrange(len(lines))
    places = [at for at, byte in enumerate(lines[index]) if 0x20 < byte < 0x7F]
    at = rng.choice(places)
    other = rng.choice([byte for byte in range(0x21, 0x7F) if byte != lines[index][at]])
    lines[index] = lines[index][:at] + bytes([other]) + lines[index][at + 1:]
    return lines, index


def remove_a_line(lines: list[bytes], rng: random.Random) -> tuple[list[bytes], int]:
    """Not the last one: a chain that ends early is whole for `verify_chain`; see `only_both_ledgers_show_a_lost_end`."""
    index = rng.randrange(len(lines) - 1)
    del lines[index]
    return lines, index


def swap_two_lines(lines: list[bytes], rng: random.Random) -> tuple[list[bytes], int]:
    first, second = sorted(rng.sample(range(len(lines)), 2))
    lines[first], lines[second] = lines[second], lines[first]
    return lines, first


def cut_the_end(lines: list[bytes], rng: random.Random) -> tuple[list[bytes], int]:
    """As a crash in the middle of a write leaves it."""
    keep = rng.randrange(1, len(lines[-1]) - 1)
    # Their verifier does not read what is no UTF-8, so the cut lies between two characters.
    while 0x80 <= lines[-1][keep] < 0xC0:
        keep -= 1
    lines[-1] = lines[-1][:keep]
    return lines, len(lines) - 1


def same_break(root: Path, world: World, expected: int) -> str:
    """Both verifiers name line `expected` (from 0); gives their reason."""
    theirs = verify_chain(root / "live/audit_chain.jsonl")
    ran = world.run("audit", "verify", "--json", root=root)
    report = json.loads(ran.stdout)
    found = OUR_BREAK.match(report["first_break"] or "")
    expect(found is not None and not theirs.ok, f"line {expected + 1} was touched: theirs {theirs}, ours {report}")
    equal(theirs.first_break.index, expected, f"the line that they name: {theirs}")
    equal(int(found["line"]) - 1, expected, f"the line that we name: {report['first_break']}")
    equal((report["whole"], ran.returncode, report["records"]), (False, 3, theirs.record_count), "our verify")
    # We tell a write that was cut short from a damaged record; they call both malformed.
    kind = "malformed_json" if found["kind"] == "torn_tail" else found["kind"]
    equal(kind, theirs.first_break.reason, f"the reason: {theirs.first_break} and {report['first_break']}")
    return found["kind"]


def only_both_ledgers_show_a_lost_end() -> str:
    """Without its last lines the chain is whole for their verifier; ours counts what `audit.jsonl` has beyond it."""
    with World() as world:
        write_together(world, 5)
        chain = audit_chain_ledger_path()
        lines = chain.read_bytes().splitlines(keepends=True)
        for lost in (1, 3, len(lines)):
            chain.write_bytes(b"".join(lines[:len(lines) - lost]))
            expect(verify_chain(chain).ok, f"{lost} lines are missing and their verifier sees it")
            ran = world.run("audit", "verify", "--json", root=world.root)
            report = json.loads(ran.stdout)
            found = (report["whole"], report["first_break"], report["not_in_chain"], ran.returncode)
            equal(found, (False, None, lost, 3), f"{lost} lines are missing: {report}")
    return "1, 3 and all lines missing at the end: whole for theirs, counted by ours"


CHECKS = [both_append_at_once, both_name_the_record_that_was_touched, only_both_ledgers_show_a_lost_end]
