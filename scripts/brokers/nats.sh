# NATS with JetStream. shellcheck shell=bash disable=SC2154
version=2.15.2
port=${NATS_PORT:-14222}
hello='' # it speaks first
server=$bin/nats-server-$version

is_installed() { [ -x "$server" ]; }

install() {
  need_go
  say "building nats-server $version"
  GOBIN=$bin go install "github.com/nats-io/nats-server/v2@v$version"
  mv "$bin/nats-server" "$server"
}

# NATS_CONFIG is a configuration file, for users and TLS.
run() { exec "$server" -a 127.0.0.1 -p "$port" -js -sd "$data/jetstream" ${NATS_CONFIG:+-c "$NATS_CONFIG"}; }
