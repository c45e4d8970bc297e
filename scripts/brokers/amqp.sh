# RabbitMQ, from Debian, as the user who starts it. shellcheck shell=bash disable=SC2154
port=${AMQP_PORT:-15672}
# Erlang's own two ports: between nodes, and of the name service that tells it. Both are this broker's alone.
distribution_port=${AMQP_DISTRIBUTION_PORT:-25673}
export ERL_EPMD_PORT=${AMQP_EPMD_PORT:-14369}
hello='AMQP\x00\x00\x09\x01'

is_installed() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; }
install() { need rabbitmqctl rabbitmq-server; }

# AMQP_CONFIG is a configuration file, AMQP_PLUGINS a list with commas, for users and TLS.
# The name service is started here, since Erlang would start one that listens on all interfaces and outlives it.
prepare() {
  ended
  cat "${AMQP_CONFIG:-/dev/null}" >"$data/rabbitmq.conf"
  echo "[${AMQP_PLUGINS:-}]." >"$data/enabled_plugins"
  setsid epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" </dev/null >/dev/null 2>&1 &
  echo $! >"$data/epmd.pid"
}

run() {
  export HOME=$data # the cookie's folder
  export RABBITMQ_NODENAME=pulsebus-$port@localhost
  export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port RABBITMQ_DIST_PORT=$distribution_port
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
  export RABBITMQ_MNESIA_BASE=$data/mnesia RABBITMQ_LOGS=- RABBITMQ_LOG_BASE=$data
  export RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE=$data/rabbitmq.conf
  export RABBITMQ_GENERATED_CONFIG_DIR=$data/config RABBITMQ_ENABLED_PLUGINS_FILE=$data/enabled_plugins
  export RUNNING_UNDER_SYSTEMD=true # become the server rather than a script that waits for it
  exec /usr/lib/rabbitmq/bin/rabbitmq-server -noinput
}

ended() {
  local pid
  pid=$(cat "$data/epmd.pid" 2>/dev/null) || return 0
  if grep -qa epmd "/proc/$pid/cmdline" 2>/dev/null; then kill "$pid" || true; fi
  rm -f "$data/epmd.pid"
}
