"""What the checks share: a home for the binary, the two wires, the count of what passed."""
