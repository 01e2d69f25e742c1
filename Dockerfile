# graphmem as one command: docker run --rm -it -v graphmem-data:/data graphmem --user ada …

FROM python:3.11-slim-bookworm AS build

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY graphmem graphmem
COPY cypher cypher
COPY examples examples

# What the servers need. With "server,servers,viz" it can draw, too, and is 100 MB larger.
ARG EXTRAS=server,servers

# The environment has no pip of its own: it is filled from outside.
RUN python -m venv --without-pip /opt/graphmem \
 && python -m pip --python /opt/graphmem/bin/python install --no-cache-dir \
      --only-binary :all: --constraint constraints.txt ".[${EXTRAS}]"


FROM python:3.11-slim-bookworm

# Nothing runs as root, and what runs can write nowhere but to /data.
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin graphmem \
 && install --directory --owner=graphmem --group=graphmem --mode=0700 /data
COPY --from=build /opt/graphmem /opt/graphmem

ENV PATH=/opt/graphmem/bin:$PATH \
    GRAPHMEM_STORE=/data/store \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data

# A command comes and goes; there is nothing to ask whether it is well.
HEALTHCHECK NONE
ENTRYPOINT ["graphmem"]
CMD ["--help"]
