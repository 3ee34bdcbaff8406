# What stages run in: third-party packages alone. The code is no part of it, DVC hashes what runs.
#
#   make image                                            the GPU image, or the CPU image without a GPU
#   make image LOCK=requirements.lock                     the CPU image
#   make image BASE=registry.example/python:3.11          another base, on a closed network
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE}

ARG LOCK=requirements-gpu.lock
ARG PIP_CERT
ARG PIP_INDEX_URL
COPY ${LOCK} /opt/requirements.lock
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement /opt/requirements.lock
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp

# health: an image whose TensorFlow does not start is not built
RUN python -c "import tensorflow; print('tensorflow', tensorflow.__version__)"

LABEL org.opencontainers.image.title="mnist-pipeline stages" \
      org.opencontainers.image.description="TensorFlow and what the stages need, by hash" \
      org.opencontainers.image.licenses="MIT" \
      stages.lock="${LOCK}"
USER 1000:1000
WORKDIR /sandbox
CMD ["python"]
