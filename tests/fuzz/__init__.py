"""Attacks on the Document Request API that are made from its own OpenAPI description."""
