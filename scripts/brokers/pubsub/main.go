// Command pubsub serves Google's in-memory Pub/Sub server on a loopback port.
package main

import (
	"flag"
	"fmt"

	"cloud.google.com/go/pubsub/pstest"
)

func main() {
	port := flag.Int("port", 8085, "loopback port to listen on")
	flag.Parse()
	server := pstest.NewServerWithPort(*port)
	defer server.Close()
	fmt.Println("listening on", server.Addr)
	select {}
}
