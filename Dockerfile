# Each step is a script under scripts/image, which `make test-image` runs and tests without a container engine.
# docs/operations.md says how to run it. On arm64: --build-arg MARCH=armv8.2-a+dotprod+fp16
FROM golang:1.26.8-bookworm AS build
ARG MARCH=x86-64-v3
ARG VERSION=dev
WORKDIR /src
COPY . .
RUN scripts/image/build.sh "$MARCH" "$VERSION" && scripts/image/root.sh bin/guardhouse /image

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Guardhouse" \
      org.opencontainers.image.description="One gate for every model: governed local inference in one program" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/root/ /
# Copied for itself, with its owner said: a volume takes owner and mode from it.
COPY --from=build --chown=10001:10001 /image/owned/ /
# What both serve and health go by; a flag of one would be unknown to the other.
# Nothing else can be written: what is put aside for a moment (doctor after a crash) lies there too.
ENV GUARDHOUSE_DATA=/data \
    GUARDHOUSE_LISTEN=0.0.0.0:8443 \
    TMPDIR=/data
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8443
STOPSIGNAL SIGTERM
# Unhealthy until it could give a verdict: no admin yet, the model loading, the disk full. docs/operations.md says who may restart for it.
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 CMD ["/usr/local/bin/guardhouse", "health"]
ENTRYPOINT ["/usr/local/bin/guardhouse"]
# A small parent and the worker that serves: a restart policy alone neither keeps the port open nor knows whose input ended it.
CMD ["serve"]
