package sdk

import (
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// A host that sends its certificate gets TLS, and nobody who has none gets anything. What the task prints comes through
// as ever.
func TestMutualTLS(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), pluginKey+"=1")
	said := &syncBuffer{}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue,
		},
		Cmd: cmd, AutoMTLS: true, Plugins: goplugin.PluginSet{}, AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger: hclog.NewNullLogger(), Stderr: said, UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: t.TempDir()},
	})
	t.Cleanup(client.Kill)
	protocol, err := client.Client()
	if err != nil {
		t.Fatal(err)
	}
	grpcClient, ok := protocol.(*goplugin.GRPCClient)
	if !ok {
		t.Fatalf("it speaks %T", protocol)
	}
	service := pb.NewPluginServiceClient(grpcClient.Conn)
	open(t, service, &pb.OpenRequest{Task: "Printer"})
	if r := one(t, service, `{"do":"print"}`); len(r.GetFailures()) > 0 {
		t.Error(r.GetFailures())
	}
	address := "unix://" + client.ReattachConfig().Addr.String()
	for name, creds := range map[string]credentials.TransportCredentials{
		"in the clear":          insecure.NewCredentials(),
		"without a certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
	} {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := pb.NewPluginServiceClient(conn).Describe(ctx, &pb.DescribeRequest{}); err == nil {
			t.Errorf("a client %s was answered", name)
		} else if ctx.Err() != nil {
			t.Errorf("a client %s was not refused: %v", name, err)
		}
		cancel()
		_ = conn.Close()
	}
	client.Kill()
	for _, want := range []string{"by the variable", "by the number", "to stderr"} {
		if text := said.String(); !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
}
