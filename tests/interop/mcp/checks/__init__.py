"""One module for each kind of check; each has a `run(report, settings)`."""
