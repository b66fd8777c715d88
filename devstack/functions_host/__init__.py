"""A Functions host for blob triggers with source=EventGrid, for machines without the Azure Functions Core Tools.

It keeps the contract of the real one: the blobs extension's webhook, its queue, its retries and its poison queue, and
a Python worker as a child process. It has no keys, no scaling, no telemetry and no other triggers.
"""
