# Apache Kafka, one node, KRaft. shellcheck shell=bash disable=SC2154
version=4.1.0
port=${KAFKA_PORT:-19092}
controller_port=${KAFKA_CONTROLLER_PORT:-19093}
# Where clients are told to connect; a test puts its proxy there.
advertised_port=${KAFKA_ADVERTISED_PORT:-$port}
# ApiVersions, version 0: length, key 18, version, correlation id, no client id.
hello='\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff'
lib=$BROKERS_HOME/kafka-$version

is_installed() { [ -d "$lib" ]; }

install() {
  need java default-jre-headless
  need mvn maven
  say "fetching Kafka $version"
  rm -rf "$lib.part"
  mvn -q -B -f "$here/kafka/pom.xml" -Dkafka.version=$version dependency:copy-dependencies \
    -DoutputDirectory="$lib.part" -DincludeScope=runtime >&2
  mv "$lib.part" "$lib"
}

# For users and TLS: KAFKA_LISTENERS are more of them, KAFKA_CONFIG a file with properties, KAFKA_SCRAM a user as
# kafka-storage takes it.
prepare() {
  cat >"$data/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port${KAFKA_LISTENERS:+,$KAFKA_LISTENERS}
advertised.listeners=PLAINTEXT://127.0.0.1:$advertised_port${KAFKA_LISTENERS:+,$KAFKA_LISTENERS}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=$data/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
PROPERTIES
  cat "${KAFKA_CONFIG:-/dev/null}" >>"$data/server.properties"
  if [ -e "$data/log/meta.properties" ]; then return; fi
  java -cp "$lib/*" kafka.tools.StorageTool format -t "$(tr -d - </proc/sys/kernel/random/uuid | head -c 22)" \
    -c "$data/server.properties" ${KAFKA_SCRAM:+--add-scram "$KAFKA_SCRAM"} >>"$log" 2>&1
}

run() { exec java -Xmx768m -XX:+UseSerialGC -cp "$lib/*" kafka.Kafka "$data/server.properties"; }
