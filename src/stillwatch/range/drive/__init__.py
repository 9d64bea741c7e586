"""Simulated traffic sent to a real gateway on this machine, to see the loop of scan and wall close."""
