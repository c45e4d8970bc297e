#!/usr/bin/env bash
# Brokers for tests, on loopback, without Docker.
#
#   scripts/brokers/brokers.sh install|installed|start|stop|kill|status [nats|amqp|kafka|gcp-pubsub ...]
#
# install  fetches what is missing: Debian packages, Maven Central, the Go module proxy. All but the Debian packages
#          goes to BROKERS_HOME
# installed  fails when one is not
# start    starts those that don't run, and waits until each answers
# stop     ends those that `start` started, by their process ids; what they stored is kept
# kill     the same with SIGKILL, as a crash would
# status   says which run; fails when one does not
#
# Each broker is one file beside this one. A test that needs a broker of its own runs the same commands with its own
# BROKERS_DATA and ports, and names itself in BROKERS_OWNER: when that process is gone, the broker is killed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# What was installed.
export BROKERS_HOME=${BROKERS_HOME:-$(cd "$here/../.." && pwd)/.brokers}
# What the brokers store and log, and their process ids: a folder for each.
export BROKERS_DATA=${BROKERS_DATA:-$BROKERS_HOME/run}

usage() {
  sed -n 's/^#   \(scripts\)/usage: \1/p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

command=${1:-}
case $command in install | installed | start | stop | kill | status) shift ;; *) usage ;; esac
[ $# -gt 0 ] || set -- nats amqp kafka gcp-pubsub
for broker in "$@"; do
  case $broker in nats | amqp | kafka | gcp-pubsub) ;; *) usage ;; esac
done

failed=0
for broker in "$@"; do
  # A process for each, since their files define the same names.
  bash "$here/broker.sh" "$broker" "$command" || failed=1
done
exit $failed
