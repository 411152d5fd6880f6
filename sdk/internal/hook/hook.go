// Package hook lets sdk/sdktest serve tasks inside a test's process without the SDK's public face growing for it.
package hook

import (
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
)

// NewServer makes a gRPC server of tasks (values of sdk.Definition) that logs to log. stop ends it, and gives the task
// its Close if it had none. Package sdk sets it.
var NewServer func(log hclog.Logger, tasks ...any) (server *grpc.Server, stop func())

// Encode writes an item as List does. Package sdk sets it.
var Encode func(item any) ([]byte, error)
