package plugin

import (
	"context"
	"fmt"

	"github.com/kagurazaka/kagurazaka/host/schema"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// hostCapabilities are what this host can do; SDKs ignore what they do not know.
var hostCapabilities = []string{"staging", "direct", "heartbeat", "spawn", "indexed", "opaque", "close"}

// Describe asks what tasks the plugin has. task names one that the answer should have, or is empty; mixinJSON is for
// tasks that are functions.
func (p *Process) Describe(ctx context.Context, version, task string, mixinJSON []byte) (described *schema.Plugin, basis Basis, err error) {
	call := "describing " + p.name
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s; --start-timeout gives it longer", p.timeout))
	defer cancel()
	resp, err := p.service.Describe(ctx, &pb.DescribeRequest{
		HostVersion: version, Capabilities: hostCapabilities, Task: task, MixinJson: mixinJSON,
	})
	if err != nil {
		return nil, basis, p.callError(ctx, call, err)
	}
	if err := taskError(call, resp.GetError()); err != nil {
		return nil, basis, err
	}
	described, err = readDescription(call, resp)
	return described, basisOf(resp), err
}
