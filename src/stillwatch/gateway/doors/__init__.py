"""Doors beside the proxy: plug-ins, decision services and pushed verdicts for gateways that a provider already runs."""
