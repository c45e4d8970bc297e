# Where programs come from. Sourced by broker.sh.
# shellcheck shell=bash

bin=$BROKERS_HOME/bin

# need COMMAND PACKAGE: installs the Debian package unless the command is there. RUNLEVEL=1 keeps a package from
# starting a service.
need() {
  if command -v "$1" >/dev/null; then return; fi
  command -v apt-get >/dev/null || fail "needs $1: install it (on Debian: the package $2)"
  say "installing the Debian package $2"
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  {
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -y -qq --no-install-recommends "$2"
  } >&2
}

need_go() {
  PATH=$PATH:/usr/local/go/bin
  command -v go >/dev/null || fail "needs Go 1.26 or newer: https://go.dev/dl"
}
