# The server in a container: the image that stages run in, what serves, the code, one model.
#
#   make image SERVE=1        builds the stages' image too, where it is missing
ARG STAGES
FROM ${STAGES}

USER root
ARG PIP_CERT
ARG PIP_INDEX_URL
COPY requirements-serve.lock /opt/
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement /opt/requirements-serve.lock
COPY src/mnist /opt/serve/src/mnist
COPY models/model.keras /opt/serve/models/
COPY metrics/evaluation.json metrics/environment.json /opt/serve/metrics/

ARG MODEL_MD5
RUN echo "${MODEL_MD5}  /opt/serve/models/model.keras" | md5sum --check

ENV PYTHONPATH=/opt/serve/src PYTHONDONTWRITEBYTECODE=1
LABEL org.opencontainers.image.title="mnist-pipeline server" model.md5="${MODEL_MD5}"
USER 1000:1000
WORKDIR /opt/serve
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["python", "-P", "-m", "mnist.serving", "--host=0.0.0.0"]
