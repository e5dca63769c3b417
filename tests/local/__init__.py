"""Tests of the embedded peers."""
