#!/usr/bin/env bash
# One command on one broker, for brokers.sh. The file of a broker defines
#
#   port      where it answers on 127.0.0.1
#   hello     bytes, in the notation of printf, to which it answers at least one byte
#   is_installed, install
#   prepare   runs before each start: writes configuration, formats a new data folder
#   run       becomes the broker, by exec
#   ended     runs after its end, for what it leaves behind
set -euo pipefail

broker=$1
command=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=$BROKERS_DATA/$broker
log=$data/broker.log
pid_file=$data/pid
ready_seconds=90
stop_seconds=20
# A port may stay open for a moment after its broker was killed: the kernel closes what the process has left.
free_seconds=10

say() { echo "$broker: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

prepare() { :; }
ended() { :; }
# shellcheck source=/dev/null
. "$here/packages.sh"
# shellcheck source=/dev/null
. "$here/$broker.sh"

# When a process began, in ticks since the boot: a process id may be given again, both together are not.
began() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The fields after the name, which may hold anything.
  awk '$1 != "Z" { print $20; found = 1 } END { exit !found }' <<<"${stat##*) }"
}

# The process that `start` left behind.
pid_of_broker() {
  local pid since
  read -r pid since 2>/dev/null <"$pid_file" || return 1
  [ "$(began "$pid")" = "$since" ] || return 1
  echo "$pid"
}

answers() {
  timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&3 && [ "$(head -c 1 <&3 | wc -c)" = 1 ]' \
    - "$port" "$hello" 2>/dev/null
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

await_free_port() {
  local since=$SECONDS
  while is_open; do
    if [ $((SECONDS - since)) -ge $free_seconds ]; then fail "something else listens on 127.0.0.1:$port"; fi
    sleep 0.1
  done
}

start() {
  local pid since
  if pid=$(pid_of_broker); then
    say "runs already, on 127.0.0.1:$port (process $pid)"
  else
    await_free_port
    mkdir -p "$data"
    prepare
    run_apart
    pid=$(pid_of_broker) || fail "could not be started; its log is $log"
  fi
  since=$SECONDS
  until answers; do
    if ! pid_of_broker >/dev/null; then
      tail -n 30 "$log" >&2
      fail "ended at its start; its log is $log"
    fi
    if [ $((SECONDS - since)) -ge $ready_seconds ]; then fail "does not answer; its log is $log"; fi
    sleep 0.1
  done
  say "answers on 127.0.0.1:$port (process $pid)"
}

# In a session of its own, so that neither the terminal nor the shell that started it ends it.
run_apart() {
  export here broker data
  setsid bash -euo pipefail -c '. "$here/packages.sh"; . "$here/$broker.sh"; run' </dev/null >>"$log" 2>&1 &
  echo "$! $(began $!)" >"$pid_file"
  if [ -n "${BROKERS_OWNER:-}" ]; then
    setsid bash "$here/broker.sh" "$broker" watch </dev/null >/dev/null 2>&1 &
  fi
}

# Kills the broker once the process that it was started for is gone, for tests that were killed.
watch() {
  local pid
  pid=$(pid_of_broker) || return 0
  while [ -e "/proc/$BROKERS_OWNER" ]; do
    sleep 1
    if [ "$(pid_of_broker)" != "$pid" ]; then return 0; fi
  done
  end_with KILL
}

end_with() {
  local signal=$1 pid since=$SECONDS
  if pid=$(pid_of_broker); then
    kill "-$signal" "$pid" || true
    while pid_of_broker >/dev/null; do
      if [ $((SECONDS - since)) -ge $stop_seconds ]; then
        say "did not stop within $stop_seconds s, and is killed"
        kill -KILL "$pid" || true
        since=$SECONDS
      fi
      sleep 0.05
    done
    say "stopped"
  fi
  rm -f "$pid_file"
  ended
}

case $command in
  install) is_installed || install ;;
  installed) is_installed ;;
  watch) watch ;;
  start) start ;;
  stop) end_with TERM ;;
  kill) end_with KILL ;;
  status)
    pid=$(pid_of_broker) || fail "is not started"
    answers || fail "does not answer (process $pid)"
    say "answers on 127.0.0.1:$port (process $pid)"
    ;;
esac
