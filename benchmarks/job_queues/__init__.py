"""The workers of the job queues that the product is measured beside.

They run in `.venv-peers`, which has these libraries and not the product's; so nothing here imports
anything of the product.
"""
