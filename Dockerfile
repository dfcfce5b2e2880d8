# hamper as a container image, on Debian 13: built in one stage, run in another that holds the
# libraries, the binary and its data files, and no compiler, as a user without rights.
#
#   docker build -t hamper .
#   docker run --rm hamper                        the demo, on its embedded broker
#   docker run --rm hamper help
#
# SPDX-License-Identifier: Apache-2.0
FROM debian:trixie-slim AS build
WORKDIR /src
COPY script/bootstrap script/bootstrap
RUN script/bootstrap build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY conf conf
COPY schemas schemas
COPY src src
RUN cmake --preset release -DHAMPER_TESTS=OFF \
    && cmake --build --preset release --target hamper \
    && strip build/release/hamper

FROM debian:trixie-slim
# No versions: a rebuild is how security updates come in.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libavro24 libcurl4t64 \
        libjansson4 libmicrohttpd12t64 librdkafka1 librocksdb9.10 libssl3t64 libxxhash0 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/hamper --shell /usr/sbin/nologin hamper \
    && install -d -o hamper -g hamper /var/lib/hamper
WORKDIR /opt/hamper
COPY --from=build /src/build/release/hamper /usr/local/bin/hamper
COPY LICENSE NOTICE ./
COPY schemas schemas
COPY conf conf
COPY src/shop/catalogue.txt src/shop/catalogue.txt
USER 10001
ENV HAMPER_STATE_DIR=/var/lib/hamper
VOLUME /var/lib/hamper
ENTRYPOINT ["hamper"]
CMD ["demo"]
