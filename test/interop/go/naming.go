// Command naming is a gRPC server that registers itself, and a gRPC client that resolves, with etcd's naming package:
//
//	naming <endpoint> <target, such as services/orders>
//
// It serves grpc.health.v1.Health on a port of its own, which it prints as "listens <address>". It watches the target and
// prints "add <key> <address>" and "delete <key>". It reads commands, one a line: "register" and "deregister" itself,
// "call" the health check through the resolver, which prints "answer <status> from <address>", "list", which prints
// "endpoints" and the sorted addresses, and "end".
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path"
	"sort"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
	"go.etcd.io/etcd/clientv3/naming/endpoints"
	"go.etcd.io/etcd/clientv3/naming/resolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { check(server.Serve(listener)) }()
	return listener.Addr().String()
}

func watch(ctx context.Context, manager endpoints.Manager) {
	changes, err := manager.NewWatchChannel(ctx)
	check(err)
	for updates := range changes {
		for _, update := range updates {
			if update.Op == endpoints.Add {
				fmt.Println("add", update.Key, update.Endpoint.Addr)
			} else {
				fmt.Println("delete", update.Key)
			}
		}
	}
}

func list(ctx context.Context, manager endpoints.Manager) {
	found, err := manager.List(ctx)
	check(err)
	addresses := []string{}
	for _, endpoint := range found {
		addresses = append(addresses, endpoint.Addr)
	}
	sort.Strings(addresses)
	fmt.Println("endpoints", addresses)
}

func call(ctx context.Context, connection *grpc.ClientConn) {
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var server peer.Peer
	answer, err := grpc_health_v1.NewHealthClient(connection).
		Check(limited, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true), grpc.Peer(&server))
	check(err)
	fmt.Println("answer", answer.Status, "from", server.Addr)
}

func main() {
	target := os.Args[2]
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}, DialTimeout: 10 * time.Second})
	check(err)
	ctx := context.Background()
	session, err := concurrency.NewSession(client, concurrency.WithTTL(20))
	check(err)
	manager, err := endpoints.NewManager(client, target)
	check(err)
	builder, err := resolver.NewBuilder(client)
	check(err)
	// Without it, this version of grpc-go sends the target as the authority, whose slash Node's HTTP/2 refuses.
	authority := grpc.WithAuthority(path.Base(target))
	connection, err := grpc.Dial("etcd:///"+target, grpc.WithInsecure(), authority, grpc.WithResolvers(builder),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))
	check(err)
	go watch(ctx, manager)
	address := serve()
	key := target + "/" + address
	fmt.Println("listens", address)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		switch commands.Text() {
		case "register":
			check(manager.AddEndpoint(ctx, key, endpoints.Endpoint{Addr: address}, clientv3.WithLease(session.Lease())))
		case "deregister":
			check(manager.DeleteEndpoint(ctx, key))
		case "list":
			list(ctx, manager)
		case "call":
			call(ctx, connection)
		case "end":
			check(session.Close())
			return
		}
	}
}
