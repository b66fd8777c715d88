"""The container image, built on stand-ins for its base images: `make image-test`."""
