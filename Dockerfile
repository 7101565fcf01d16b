# Two stages: the first installs exactly what requirements.lock holds, by hash; the second takes the
# result and nothing that can install or compile.
#
#   docker build -t flannel-bot .
#
# A base is named by tag here. `make release` adds the digest that a registry gave it
# (--build-arg DIGEST=@sha256:...), where it can ask one; none is written down here by hand.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG DIGEST=""

# hadolint ignore=DL3006
FROM ${BASE}${DIGEST} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.lock ./
# No pip in there: it is the outer one that installs. Nothing is compiled, so no compiler is needed.
RUN python -m venv --without-pip /opt/flannel-bot \
    && python -m pip --python /opt/flannel-bot/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY bot ./bot
# Without write access later, byte code has to be there before.
RUN cp -r bot /opt/flannel-bot/lib/python3.*/site-packages/ \
    && printf '#!/opt/flannel-bot/bin/python\nfrom bot.__main__ import main\n\nmain()\n' > /opt/flannel-bot/bin/flannel-bot \
    && chmod 0755 /opt/flannel-bot/bin/flannel-bot \
    && /opt/flannel-bot/bin/python -m compileall -q /opt/flannel-bot/lib

# hadolint ignore=DL3006
FROM ${BASE}${DIGEST}
ARG VERSION=dev
ARG REVISION=unknown
ARG BASE
LABEL org.opencontainers.image.title="flannel-bot" \
      org.opencontainers.image.description="A Slack bot that watches flannel and kube-system, tells what broke and why, and repairs with approval" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
# Nothing is installed in a running bot.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel \
    && install -d -o 65532 -g 65532 -m 0750 /data
COPY --from=build /opt/flannel-bot /opt/flannel-bot
# What scanners compare the installed packages with.
COPY requirements.lock LICENSE /usr/share/flannel-bot/
# /tmp and /data are all that is written to: HOME and matplotlib's cache belong there.
ENV PATH=/opt/flannel-bot/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The default database is data/flannel-bot.db, the default settings config/flannel-bot.yaml.
WORKDIR /
VOLUME ["/data"]
USER 65532:65532
EXPOSE 8080
# No proxy of the environment may come between; orchestrators ask by themselves.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/flannel-bot/bin/python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('FLANNEL_BOT_HTTP__PORT', '8080') + '/healthz', timeout=4)"]
ENTRYPOINT ["flannel-bot"]
CMD ["run"]
