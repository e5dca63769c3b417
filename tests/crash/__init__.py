"""The process is killed at a named point, and what is left is judged from outside."""
