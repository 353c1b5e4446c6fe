"""Interface contracts: what is frozen, who implements and who consumes it, mocks, verification and breaches."""
