"""Simulated traffic: benign kinds and campaign presets, labelled, from small built-in texts."""
