# Imageyard in one image; the first argument says what a container of it does: web, worker, beat, init, migrate, login.
#
# Behind a company's proxy or mirrors, give these build secrets (all optional; none of them ends in a layer):
#   ca             certificates, PEM; the files below can name it as /run/secrets/ca
#   pip.conf       becomes /etc/pip.conf
#   npmrc          becomes /etc/npmrc
#   debian.sources becomes /etc/apt/sources.list.d/debian.sources
#   apt.conf       becomes /etc/apt/apt.conf.d/99company
# docs/server.md ("Building the image behind a proxy") has an example.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim
ARG DOCKER_IMAGE=docker:28-cli

FROM ${DOCKER_IMAGE} AS docker

# ---------------------------------------------------------------------------------------------------- browser packages
FROM ${NODE_IMAGE} AS browser
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=ca \
    --mount=type=secret,id=npmrc,target=/etc/npmrc \
    --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --globalconfig /etc/npmrc \
    && rm -rf node_modules/@tabler/icons/categories node_modules/@tabler/icons/icons/filled

# ----------------------------------------------------------------------------------------------------- Python packages
FROM ${PYTHON_IMAGE} AS packages
# For example `django-storages[s3]` for logs in S3. They come on top of the lock file, and without hashes.
ARG EXTRA_PYTHON_PACKAGES=""
COPY requirements.lock ./
# uv fetches all at once, pip one by one. uv does not read pip's settings, so the two that matter are handed on.
RUN --mount=type=secret,id=ca \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache \
    python -m venv --without-pip /venv \
    && pip install --quiet --disable-pip-version-check --no-compile --target /uv uv==0.13.9 \
    && if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && index=$(pip config get global.index-url 2>/dev/null || true) \
    && if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi \
    && export UV_PYTHON=/venv/bin/python UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
    && /uv/bin/uv pip install --no-deps --require-hashes --only-binary :all: -r requirements.lock \
    && if [ -n "$EXTRA_PYTHON_PACKAGES" ]; then \
        /uv/bin/uv pip install --constraint requirements.lock $EXTRA_PYTHON_PACKAGES; \
    fi

# ------------------------------------------------------------------------------------- the program with its static files
FROM packages AS program
WORKDIR /app
COPY . .
# Settings want a home; what they put there (a secret key) stays in this stage. Where `staticfiles` is there, they take
# it for the folder that static files are collected into and served from. Of thousands of icons those stay that are
# named, in quotes, by a template or by the program.
RUN --mount=type=bind,from=browser,source=/app/node_modules,target=/app/node_modules \
    mkdir staticfiles icons \
    && IMAGEYARD_HOME=/tmp/home /venv/bin/python manage.py collectstatic --noinput --verbosity 0 --ignore '*.map' \
    && grep -rhoE --exclude-dir=node_modules --include='*.html' --include='*.py' "[\"'][a-z0-9-]+[\"']" . \
    | sort -u | sed "s|^.\(.*\).\$|node_modules/@tabler/icons/icons/outline/\1.svg|" >/tmp/named \
    && find node_modules/@tabler/icons/icons/outline -name '*.svg' | grep -xFf /tmp/named | xargs cp -t icons \
    && rm -rf static \
    && /venv/bin/python -m compileall -q .

# ----------------------------------------------------------------------------------------------------------- the result
FROM ${PYTHON_IMAGE}
RUN --mount=type=secret,id=ca \
    --mount=type=secret,id=debian.sources,target=/etc/apt/sources.list.d/debian.sources \
    --mount=type=secret,id=apt.conf,target=/etc/apt/apt.conf.d/99company \
    apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git openssh-client socat tini \
    && rm -rf /var/lib/apt/lists/*
# The client and its plug-ins only: the Docker Engine is the builder's.
COPY --from=docker /usr/local/bin/docker /usr/local/bin/
COPY --from=docker /usr/local/libexec/docker/cli-plugins /usr/local/libexec/docker/cli-plugins
COPY --from=packages /venv /venv
COPY --from=program /app /app
# A named volume takes over the owner and mode of the folder that it is first mounted on.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/imageyard imageyard \
    && install -d -o imageyard -g imageyard -m 700 /var/lib/imageyard \
    && install -d -o imageyard -g imageyard -m 755 /var/lib/imageyard-secrets /var/lib/imageyard-registry-keys \
    && printf '#!/bin/sh\nexec /venv/bin/python /app/deploy/container.py "$@"\n' >/usr/local/bin/imageyard \
    && chmod 755 /usr/local/bin/imageyard
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/imageyard \
    IMAGEYARD_HOME=/var/lib/imageyard \
    IMAGEYARD_ALIVE_PATH=/tmp/worker \
    IMAGEYARD_HTTP=0.0.0.0:8000
WORKDIR /app
USER 10001:10001
EXPOSE 8000
VOLUME /var/lib/imageyard
# A worker's processes end with their parent and take process 1 for "the parent is gone": so process 1 is tini.
ENTRYPOINT ["tini", "--", "imageyard"]
CMD ["web"]
