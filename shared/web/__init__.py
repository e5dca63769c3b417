"""HTTP: the Document Request API as an ASGI application."""
