package sdk

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// printer is served by this test's own executable, started as the host starts a plugin.
type printer struct{}

func (*printer) List(context.Context, func(any) error) error { return nil }
func (*printer) Close() error                                { fmt.Println("closed"); return nil }

func (*printer) Process(ctx context.Context, item Item) error {
	var v struct{ Do string }
	if err := item.Decode(&v); err != nil {
		return err
	}
	switch v.Do {
	case "print":
		fmt.Println("by the variable")
		if _, err := syscall.Write(1, []byte("by the number\n")); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "to stderr")
		Log(ctx).Info("to the log")
		child := exec.Command("sh", "-c", "echo by a child")
		child.Stdout = os.Stdout
		return child.Run()
	case "fork":
		child := exec.Command("sleep", "1000")
		child.Stderr = os.Stderr
		return child.Start()
	}
	return nil
}

// process is a plugin process and what it said.
type process struct {
	cmd      *exec.Cmd
	stdout   *bufio.Reader
	stderr   *syncBuffer
	lifeline *os.File
	// quiet is closed at the end of stderr.
	quiet chan struct{}
	conn  *grpc.ClientConn
}

func startPlugin(t *testing.T) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line, lifeline, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := os.MkdirTemp("", "sdk")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe), stderr: &syncBuffer{}, lifeline: lifeline, quiet: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), pluginKey+"=1", wire.CookieKey+"="+wire.CookieValue, wire.LifelineKey+"=3",
		"PLUGIN_UNIX_SOCKET_DIR="+sockets, "PLUGIN_PROTOCOL_VERSIONS=1")
	p.cmd.ExtraFiles = []*os.File{line}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = stderrW
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = line.Close(), stderrW.Close()
	go func() {
		defer close(p.quiet)
		_, _ = io.Copy(p.stderr, stderr)
		_ = stderr.Close()
	}()
	p.stdout = bufio.NewReader(stdout)
	t.Cleanup(func() {
		if p.conn != nil {
			_ = p.conn.Close()
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		_ = p.cmd.Wait()
		_ = lifeline.Close()
		<-p.quiet
		_ = os.RemoveAll(sockets)
	})
	handshake, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("no handshake: %v\n%s", err, p.stderr)
	}
	m := regexp.MustCompile(`^1\|1\|unix\|(` + regexp.QuoteMeta(sockets) + `/[^|]+)\|grpc\|?\n$`).FindStringSubmatch(handshake)
	if m == nil {
		t.Fatalf("the handshake is %q", handshake)
	}
	p.conn, err = grpc.NewClient("unix://"+filepath.ToSlash(m[1]), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestServedProcess(t *testing.T) {
	p := startPlugin(t)
	ctx := within(t)
	health, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("health: %v, %v", health, err)
	}
	client := pb.NewPluginServiceClient(p.conn)
	described, err := client.Describe(ctx, &pb.DescribeRequest{})
	if err != nil || len(described.GetTasks()) != 1 || described.GetTasks()[0].GetName() != "Printer" {
		t.Fatalf("%v, %v", described, err)
	}
	// Neither signal is for the plugin to act on.
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	open(t, client, &pb.OpenRequest{Task: "Printer", WorkerIndex: 4})
	if r := one(t, client, `{"do":"print"}`); len(r.GetFailures()) > 0 {
		t.Fatal(r.GetFailures())
	}
	// The server stops while it answers, so that the answer may not come.
	_ = p.conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{})
	rest, err := io.ReadAll(p.stdout)
	if err != nil || len(rest) > 0 {
		t.Errorf("behind the handshake came %q, %v", rest, err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it left with %v", err)
	}
	<-p.quiet
	said := p.stderr.String()
	for _, want := range []string{"by the variable\n", "by the number\n", "by a child\n", "to stderr\n", `"@message":"to the log"`, `"worker":4`} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in %s", want, said)
		}
	}
	if n := strings.Count(said, "closed\n"); n != 1 {
		t.Errorf("the task was closed %d times", n)
	}
}

func TestLifelineEndsTheGroup(t *testing.T) {
	p := startPlugin(t)
	client := pb.NewPluginServiceClient(p.conn)
	open(t, client, &pb.OpenRequest{Task: "Printer"})
	one(t, client, `{"do":"fork"}`)
	if err := p.lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended by %v", p.cmd.ProcessState)
	}
	// The child has this stderr too: its end is the child's.
	<-p.quiet
}

func TestStartedByHand(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--help"}} {
		cmd := exec.Command(exe, args...)
		cmd.Env = append(os.Environ(), pluginKey+"=1", wire.CookieKey+"=")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		stdout, err := cmd.Output()
		if cmd.ProcessState.ExitCode() != 1 || len(stdout) > 0 {
			t.Errorf("%q: %v, %q", args, err, stdout)
		}
		if want := "kagurazaka " + exe + " Printer"; !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: it said %s", args, &stderr)
		}
	}
}
