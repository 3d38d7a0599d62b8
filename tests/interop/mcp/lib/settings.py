"""Where the binary is, where things are installed, and how large the cases are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PROJECT = HERE.parent.parent.parent

# `INTEROP_CASES` of the whole proof; below this the sizes here are cut down.
FULL_CASES = 100


class Settings:
    def __init__(self):
        self.binary = Path(os.environ.get("MANDATED") or PROJECT / "target/debug/mandated").resolve()
        self.work = Path(os.environ.get("INTEROP_WORK") or PROJECT / "target/interop/mcp").resolve()
        self.quick = int(os.environ.get("INTEROP_CASES") or FULL_CASES) < FULL_CASES
        if not self.binary.is_file():
            raise SystemExit(f"there is no binary at {self.binary}: run `cargo build`, or set MANDATED to its path")
        self.work.mkdir(parents=True, exist_ok=True)

    def size(self, full, quick):
        """The size of a case: the full one, or the one of a quick run."""
        return quick if self.quick else full


def expected_tools():
    """Name to (input schema, output schema), from the files that the project keeps of them."""
    import json

    folder = PROJECT / "schemas/tools"
    return {
        path.name.removesuffix(".input.json"): (
            json.loads(path.read_text()),
            json.loads(path.with_name(path.name.replace(".input.", ".output.")).read_text()),
        )
        for path in sorted(folder.glob("*.input.json"))
    }
