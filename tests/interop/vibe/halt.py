"""One kill switch: whoever trips or lifts it, both programs stop and go on."""

from cli._legacy import cmd_live_halt, cmd_live_resume
from cli.main import _clear_halt_from_repl, _trip_halt_from_repl
from rich.console import Console
from src.live.halt import halt_flag_set, read_halt

from world import BROKER, World, equal, refusal

ORDER = {"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "1"}


def quiet() -> Console:
    return Console(quiet=True)


def silence_their_cli() -> None:
    import cli._legacy

    cli._legacy.console = quiet()


def stopped_by(session) -> str | None:
    """Which limit refuses an order now; None when it is accepted."""
    return refusal(session.call("bybit_place_order", **ORDER))


def their_switch_stops_us() -> str:
    """/halt and /resume of its chat, and the functions behind `connector halt`: for one broker and for all."""
    silence_their_cli()
    # `vibe-trading connector halt` names the brokers that it has a runner for, so bybit is halted with all others
    # from its chat, or by the same function with its own name.
    switches = [
        ("its chat", lambda: _trip_halt_from_repl(quiet(), reason="interop"), lambda: _clear_halt_from_repl(quiet())),
        ("its command, all brokers", lambda: cmd_live_halt(None), lambda: cmd_live_resume(None)),
        ("its command, bybit", lambda: cmd_live_halt(BROKER), lambda: cmd_live_resume(BROKER)),
    ]
    with World() as world, world.session() as session:
        world.put_mandate(max_total_exposure_usd=100_000, account_funding_usd=100_000)
        equal(stopped_by(session), None, "before any halt")
        for name, trip, clear in switches:
            trip()
            equal(stopped_by(session), "halt_flag", f"tripped by {name}")
            equal(world.run("status").returncode, 3, f"the exit code of our status, tripped by {name}")
            clear()
            equal(stopped_by(session), None, f"lifted by {name}")
    return f"{len(switches)} ways to halt, each refused and each lifted"


def our_switch_stops_them() -> str:
    """`mandated halt` and `mandated resume`, for one broker and for all, as its own functions see them."""
    with World() as world:
        for flags, halts_others in ((), True), (("--broker",), False):
            equal(world.run("halt", *flags, "--reason", "interop: stop ☂").returncode, 0, "the exit code of halt")
            equal((halt_flag_set(BROKER), halt_flag_set("robinhood")), (True, halts_others), f"halt {flags}: its halt_flag_set")
            found = read_halt(BROKER if flags else None)
            equal((sorted(found), found["by"], found["reason"]), (["by", "reason", "tripped_at"], "cli", "interop: stop ☂"), "its read_halt")
            equal(world.run("resume", *flags).returncode, 0, "the exit code of resume")
            equal((halt_flag_set(BROKER), halt_flag_set("robinhood")), (False, False), "resumed: its halt_flag_set")
    return "2 scopes, tripped and lifted, attribution read back whole"


def each_lifts_what_the_other_tripped() -> str:
    """A halt belongs to nobody: its resume lifts ours, ours lifts its."""
    silence_their_cli()
    with World() as world:
        world.run("halt", "--reason", "ours")
        cmd_live_resume(None)
        said = world.run("resume").stdout
        equal((halt_flag_set(BROKER), said.startswith("there was no halt of every broker under `")), (False, True), f"its resume of our halt: {said}")
        cmd_live_halt(BROKER)
        equal((world.run("resume", "--broker").returncode, halt_flag_set(BROKER)), (0, False), "our resume of its halt")
        (world.live / "HALT").touch()
        equal((halt_flag_set(BROKER), world.run("resume").returncode, halt_flag_set(BROKER)), (True, 0, False), "a touched file")
    return "3 halts lifted by the other side"


CHECKS = [their_switch_stops_us, our_switch_stops_them, each_lifts_what_the_other_tripped]
