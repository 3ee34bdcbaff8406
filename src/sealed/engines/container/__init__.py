"""Docker and podman: a stage in a container, its sandbox mounted at /sandbox."""
