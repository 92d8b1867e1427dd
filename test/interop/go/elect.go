// Command elect is a candidate and an observer of an election of etcd's concurrency package:
//
//	elect <endpoint> <name> <ttl in seconds>
//
// It reads commands, one a line: "campaign <value>", "proclaim <value>", "resign", "end". It prints "leads <key>" when it
// leads, "resigned" when it has resigned, and "sees <value>" for each value of a leader that it observes.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func observe(ctx context.Context, election *concurrency.Election) {
	for seen := range election.Observe(ctx) {
		fmt.Println("sees", string(seen.Kvs[0].Value))
	}
}

func main() {
	ttl, err := strconv.Atoi(os.Args[3])
	check(err)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}, DialTimeout: 10 * time.Second})
	check(err)
	session, err := concurrency.NewSession(client, concurrency.WithTTL(ttl))
	check(err)
	ctx := context.Background()
	election := concurrency.NewElection(session, os.Args[2])
	go observe(ctx, concurrency.NewElection(session, os.Args[2]))
	fmt.Println("ready")
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		parts := strings.SplitN(commands.Text(), " ", 2)
		switch parts[0] {
		case "campaign":
			check(election.Campaign(ctx, parts[1]))
			fmt.Println("leads", election.Key())
		case "proclaim":
			check(election.Proclaim(ctx, parts[1]))
		case "resign":
			check(election.Resign(ctx))
			fmt.Println("resigned")
		case "end":
			check(session.Close())
			check(client.Close())
			return
		}
	}
}
