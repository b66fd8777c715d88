"""Measure faces in uploaded pictures and clips with OpenFace, and publish only results that were checked.

Runs without Azure (``python -m openface_runner analyse face.jpg --out results/``) and, through ``function_app.py``,
as a blob-triggered Azure Function. Each room has one reason to change: ``openface/`` is the only one that knows
OpenFace's ways, ``storage.py`` the only one that knows Azure's.
"""
