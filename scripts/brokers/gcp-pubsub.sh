# Google Pub/Sub: the in-memory server of Google's own Go client. shellcheck shell=bash disable=SC2154
port=${PUBSUB_PORT:-18085}
# The preface of HTTP/2, and empty settings.
hello='PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00'
server=$bin/pubsub-server

is_installed() { [ "$server" -nt "$here/pubsub/main.go" ] && [ "$server" -nt "$here/pubsub/go.mod" ]; }

install() {
  need_go
  say "building the Pub/Sub server"
  (cd "$here/pubsub" && go build -o "$server" .)
}

run() { exec "$server" -port "$port"; }
