# How a broker is started, waited for and stopped. Sourced before the file of one broker, which sets
#
#   name           its name in messages
#   port           where it answers on 127.0.0.1
#   hello          bytes (in printf's notation) to which it answers at least one byte
#   prepare        a function that is called before each start
#   run            a function that becomes the broker, by exec
#
# and may set `started`, `stopped`: functions that are called before the start and after the end.
# shellcheck shell=bash disable=SC2154

data=$BROKERS_DATA/$broker_name
log=$data/log
pid_file=$data/pid

READY_SECONDS=60
STOP_SECONDS=20
