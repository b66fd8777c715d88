"""A stand-in for OpenFace on MediaPipe's FaceLandmarker, for machines without OpenFace. It is not OpenFace.

It imitates FaceLandmarkImg and FeatureExtraction down to exit codes, messages and number formats, so that what works
with it works with OpenFace; the numbers come from another model. Columns that it can't fill honestly are absent from
its CSVs (see `columns`). `python -m devstack.standin install DIR` writes the two programs.
"""
