"""What the app costs beyond OpenFace: ``make bench``; results in docs/performance.md."""
