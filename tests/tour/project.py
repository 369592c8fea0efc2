"""The repository that the tour builds: a small site with two stages side by side, whose steps take a while. Files only.

The steps are scripts of busybox that do in small what a real build does: they read sources, compute, print, and write
files of some size. Nothing of it is pretended to a page: times, bytes and cache hits are those of the run.
"""

from __future__ import annotations

import uuid

README = """# site

The shop's front page, and the small service behind it.

## Run it

```sh
docker run --rm -p 8080:8080 registry.example.com/acme/site
```

| variable | default | meaning |
|---|---|---|
| `MODE` | `production` | what is logged |
| `GREETING` | `hello` | what the page says first |
"""

DOCKERFILE = """\
FROM {base} AS base
WORKDIR /app
COPY package.list ./

FROM base AS web
# Dependencies change seldom: they have a layer of their own.
COPY tools/install.sh tools/
RUN sh tools/install.sh package.list /app/modules
COPY web ./web
RUN sh web/bundle.sh /app/modules /app/dist

FROM base as api
ARG VERSION=dev
COPY api ./api
RUN sh api/compile.sh "$VERSION" /app/out
RUN sh api/check.sh

FROM {base}
COPY --from=web /app/dist /srv/web
COPY --from=api /app/out /srv/api
ENV MODE=production GREETING=hello
WORKDIR /srv
EXPOSE 8080
VOLUME /data
LABEL org.opencontainers.image.title="site"
HEALTHCHECK --interval=30s CMD wget -q -O- http://localhost:8080/healthz
ENTRYPOINT ["httpd", "-f", "-p", "8080", "-h", "/srv/web"]
"""

INSTALL = r"""set -e
list=$1; to=$2; mkdir -p "$to"
total=$(wc -l < "$list"); n=0
while read -r name megabytes; do
  n=$((n + 1))
  printf '\033[2m[%d/%d]\033[0m %s\n' "$n" "$total" "$name"
  head -c "${megabytes}000000" /dev/urandom > "$to/$name"
  sha256sum "$to/$name" | cut -c1-16
  sleep 1.2
done < "$list"
printf '\033[32madded %d packages\033[0m\n' "$total"
"""
BUNDLE = r"""set -e
mkdir -p "$2"
for page in web/*.html; do
  echo "bundling $page"
  for n in 1 2 3 4 5 6; do sha256sum "$1"/* > /dev/null; done
  cp "$page" "$2/"
  sleep 3
done
cp -r web/images "$2/" 2>/dev/null || true
cat "$1"/* | gzip -1 | head -c 3000000 > "$2/bundle.js"
printf '\033[33mwarning\033[0m bundle.js is larger than 2 MB\n'
ls -l "$2"
"""
COMPILE = r"""set -e
mkdir -p "$2"
for unit in $(cat api/units); do
  echo "compile $unit"
  head -c 6000000 /dev/urandom | sha256sum > "$2/$unit.o"
  sleep 1.5
done
echo "version $1" > "$2/VERSION"
"""
CHECK = r"""set -e
for case in $(seq 1 24); do
  printf '\033[32m  ✓\033[0m log-in keeps the session across redirect %d\n' "$case"
  sleep 0.4
done
"""
BROKEN = r"""for case in $(seq 1 24); do
  printf '\033[32m  ✓\033[0m log-in keeps the session across redirect %d\n' "$case"
done
printf '\033[31m  ✗ log-in refuses a wrong password\033[0m\n'
printf '    \033[2mexpected 401, got 500\033[0m\n      at api/session.check:41\n'
printf '\033[31merror\033[0m 1 of 25 checks failed\n'
exit 1
"""
SLOW = r"""set -e
for case in $(seq 1 900); do
  printf '\033[32m  ✓\033[0m log-in keeps the session across redirect %d\n' "$case"
  sleep 0.5
done
"""
PACKAGES = "router 3\ntemplates 2\nmarkdown 1\nsession 2\nimages 4\ncharts 3\n"
PAGE = "<!doctype html><title>site</title><h1>{}</h1>\n"


def first_files(base: str) -> dict[str, str | bytes]:
    """The first commit, on the base image of that name. Builders remember: no tour finds the steps of another one."""
    tour = f"# tour {uuid.uuid4().hex}\n"
    return {
        "README.md": README,
        "Dockerfile": DOCKERFILE.format(base=base),
        ".dockerignore": "README.md\ndocs\n",
        "package.list": PACKAGES,
        "tools/install.sh": INSTALL + tour,
        "web/bundle.sh": BUNDLE + tour,
        "web/index.html": PAGE.format("Hello"),
        "web/prices.html": PAGE.format("Prices"),
        "api/units": "session router store mail\n",
        "api/compile.sh": COMPILE + tour,
        "api/check.sh": CHECK,
    }
