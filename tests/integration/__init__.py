"""Tests against real servers, files and processes."""
