"""OpenFace: find an installation, run its programs, and believe only what their outputs prove.

Measured on OpenFace 2.2-era programs. Their exit codes are not results: a missing face, a video that can't be opened
and a cut one all exit with 0.
"""
