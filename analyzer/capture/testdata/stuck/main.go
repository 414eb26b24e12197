// stuck serves pprof and leaks goroutines: each waits for a channel that nobody else
// has. It prints its address, and ends when its standard input does.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
)

func leak() {
	never := make(chan int)
	go func() { <-never }()
}

func main() {
	for range 9 {
		leak()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(l, nil)) }()
	fmt.Println(l.Addr())
	io.Copy(io.Discard, os.Stdin)
}
