// Command lock contends for a mutex of etcd's concurrency package and counts under it:
//
//	lock <endpoint> <name> <counter> <tasks> <rounds>
//
// Each task has a session of its own. While it holds the lock, it reads the counter and writes it back with one added, and
// fails if the write is refused because it does not hold the lock any more. It prints a line for each hold.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
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

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

// count adds one to the counter under the lock.
func count(ctx context.Context, client *clientv3.Client, mutex *concurrency.Mutex, counter string) int {
	read, err := client.Get(ctx, counter)
	check(err)
	value := 0
	if len(read.Kvs) > 0 {
		value = number(string(read.Kvs[0].Value))
	}
	value++
	txn, err := client.Txn(ctx).
		If(mutex.IsOwner()).
		Then(clientv3.OpPut(counter, strconv.Itoa(value))).
		Commit()
	check(err)
	if !txn.Succeeded {
		check(fmt.Errorf("%s is not held any more", mutex.Key()))
	}
	return value
}

func main() {
	endpoint, name, counter := os.Args[1], os.Args[2], os.Args[3]
	tasks, rounds := number(os.Args[4]), number(os.Args[5])
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 10 * time.Second})
	check(err)
	defer client.Close()
	ctx := context.Background()
	var all sync.WaitGroup
	for task := 0; task < tasks; task++ {
		all.Add(1)
		go func() {
			defer all.Done()
			session, err := concurrency.NewSession(client, concurrency.WithTTL(20))
			check(err)
			defer session.Close()
			for round := 0; round < rounds; round++ {
				mutex := concurrency.NewMutex(session, name)
				check(mutex.Lock(ctx))
				fmt.Println(mutex.Key(), count(ctx, client, mutex, counter))
				check(mutex.Unlock(ctx))
			}
		}()
	}
	all.Wait()
	fmt.Println("done")
}
