"""Statuses, decisions and models. Pure: no I/O, no clock, no settings."""
