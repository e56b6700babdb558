# One file, four images: docker build --build-arg SERVICE=enricher .
# SERVICE is ingestor, enricher, loader or ops (the operator's command, for jobs). See docs/build.md.

# python:3.13-slim-trixie. The digest is renewed as docs/build.md says.
ARG BASE=python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
ARG SERVICE

# What each image is made of, beside what all have: a package, and what it finds in its folder.
FROM scratch AS package-all
COPY deploy/entrypoint.py /app/

FROM package-all AS package-ingestor
COPY services/ingestor /package

FROM package-all AS package-enricher
COPY services/enricher /package

FROM package-all AS package-loader
COPY services/loader /package

FROM package-all AS package-ops
COPY ops /package
COPY warehouse /app/warehouse

FROM package-${SERVICE} AS package

FROM ${BASE} AS build
WORKDIR /build
ENV PIP_CACHE_DIR=/var/cache/pip
# Two environments: one to build with, and the one that the image gets, which has no pip.
RUN python3 -m venv tools && python3 -m venv --without-pip /venv
COPY requirements.lock deploy/lock_part.py ./
COPY --from=package /package/pyproject.toml ./
# The service's part of the lock and nothing else, every file checked against its hash, none of
# them compiled here. This changes seldom, and stands in a layer of its own.
RUN --mount=type=cache,target=/var/cache/pip \
    name=$(sed -n 's/^name = "\(.*\)"$/\1/p' pyproject.toml) && \
    python3 lock_part.py requirements.lock hatchling > tools.txt && \
    python3 lock_part.py requirements.lock tweetlog "$name" > part.txt && \
    tools/bin/pip install --quiet --require-hashes --only-binary=:all: -r tools.txt && \
    tools/bin/pip --python /venv/bin/python install --quiet --no-compile \
      --require-hashes --only-binary=:all: -r part.txt
COPY shared shared
COPY --from=package /package package
RUN tools/bin/pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir wheels ./shared ./package && \
    tools/bin/pip --python /venv/bin/python install --quiet --no-compile --no-deps --no-index wheels/*.whl && \
    # Python cannot keep what it compiles on a read-only file system, so it is compiled here.
    # Never checked against its source again: nothing can change it.
    /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib && \
    # The enricher's model unpacked, which takes most of a second at each start otherwise.
    if [ -d package/src/enricher ]; then /venv/bin/python -m enricher.bayes; fi

FROM ${BASE}
# The base comes without compiled modules as well.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -x site-packages \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /venv /venv
COPY --from=package /app /app
WORKDIR /app
ARG SERVICE
ENV SERVICE=${SERVICE}
# Numbers, so that a platform can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/venv/bin/python", "-P", "/app/entrypoint.py"]
