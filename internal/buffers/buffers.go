// Package buffers gives gRPC buffers of the sizes that host and plugins send. Its own go from 32 KiB to 1 MiB in one step, and it
// clears a whole buffer for each message: 1 MiB for a block of 200 KiB.
package buffers

import (
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
)

func init() {
	pool, err := mem.NewBinaryTieredBufferPool(8, 12, 14, 15, 16, 17, 18, 19, 20)
	if err != nil {
		panic(err)
	}
	experimental.SetDefaultBufferPool(pool)
}
