# SPDX-License-Identifier: Apache-2.0
# An image with the host alone:  docker build -t millrace .
# Run it with the configuration in /etc/millrace; tests/full executes these lines without Docker.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY script/bootstrap script/
RUN script/bootstrap build
COPY . .
RUN cmake --preset release && cmake --build --preset release --target millrace

FROM debian:bookworm-slim
WORKDIR /usr/local/share/millrace
COPY LICENSE NOTICE ./
COPY script/bootstrap /tmp/
RUN /tmp/bootstrap run && rm -rf /tmp/bootstrap /var/lib/apt/lists/*
RUN useradd --system --home-dir /var/lib/millrace --create-home millrace && mkdir /etc/millrace
COPY --from=build /src/build/release/bin/millrace /usr/local/bin/millrace
USER millrace
WORKDIR /var/lib/millrace
ENTRYPOINT ["millrace"]
CMD ["run", "-c", "/etc/millrace"]
