# Two stages: everything that builds stays behind. The target is named, because an image travels: x86-64-v3 is every
# server since about 2015 (AVX2, FMA). On arm64: --build-arg MARCH=armv8.2-a+dotprod+fp16
FROM golang:1.26.8-bookworm AS build
ARG MARCH=x86-64-v3
ARG VERSION=dev
WORKDIR /src
COPY . .
RUN GH_MARCH=${MARCH} make build VERSION=${VERSION}

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --shell /usr/sbin/nologin guardhouse \
    && install -d -o guardhouse -g guardhouse -m 0700 /data
COPY --from=build /src/bin/guardhouse /usr/local/bin/guardhouse
USER guardhouse
VOLUME /data
EXPOSE 8443
# The container's own restart policy is the supervisor.
ENTRYPOINT ["guardhouse"]
CMD ["serve", "--no-supervisor", "--data", "/data", "--listen", "0.0.0.0:8443"]
