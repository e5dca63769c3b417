"""The composed system between real peers."""
