package queue

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
	"github.com/kagurazaka/kagurazaka/host/hosttest"
)

// team is a nats-server in a process of its own.
type team struct {
	binary, folder, config, address string
	process                         *exec.Cmd
}

// startTeam starts nats-server with a configuration beside its address.
func startTeam(t *testing.T, config string) *team {
	t.Helper()
	free := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	check(t, free.Close())
	s := &team{binary: hosttest.NeedNATSServer(t, "../.."), folder: t.TempDir(), address: free.Addr().String()}
	s.config = filepath.Join(s.folder, "server.conf")
	config = strings.ReplaceAll(config, "FOLDER", s.folder)
	check(t, os.WriteFile(s.config, []byte("listen: \""+s.address+"\"\n"+config), 0o600))
	s.start(t)
	t.Cleanup(func() { s.kill() })
	return s
}

func (s *team) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(s.binary, "-c", s.config)
	log := must(s.process.StderrPipe())(t)
	check(t, s.process.Start())
	lines := bufio.NewScanner(log)
	var said []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Server is ready") {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return
		}
		said = append(said, lines.Text())
	}
	t.Fatalf("nats-server has not started:\n%s", strings.Join(said, "\n"))
}

func (s *team) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *team) at(token string) Address {
	return Address{URL: "nats://" + s.address, Secret: Secret{Token: token}}
}

func openRemote(ctx context.Context, t *testing.T, a Address, o Options) *run {
	t.Helper()
	o.Token = a.Secret.Token
	r := &run{queue: must(OpenRemote(ctx, a, o))(t)}
	t.Cleanup(r.queue.Close)
	r.clerk = newClerk(r.queue)
	check(t, r.queue.Serve(r.clerk))
	return r
}

const jetStream = "jetstream { store_dir: \"FOLDER/store\" }\n"

func TestTwoRunsShareATeamsServer(t *testing.T) {
	ctx := testContext(t)
	s := startTeam(t, jetStream)
	var ends []<-chan error
	var runs []*run
	all := testLeases(100, 5)
	for i := range 2 {
		a := s.at(fmt.Sprintf("a-token-of-the-run-%d", i))
		r := openRemote(ctx, t, a, testOptions())
		runs = append(runs, r)
		for range 2 {
			ends = append(ends, worker(ctx, dial(ctx, t, Join{Addresses: at(a)}), 3))
		}
		publish(ctx, t, r.queue, all...)
	}
	_, err := Dial(ctx, Join{Addresses: at(s.at("a-token-of-no-run-at-all"))})
	wantRefused(t, err, NoRun)
	for _, r := range runs {
		r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
		check(t, r.queue.End(ctx))
		r.clerk.wantOnce(t, all...)
	}
	for _, c := range ends {
		check(t, <-c)
	}
	// Nothing stays behind.
	q := runs[0].queue
	q.Close()
	nc := must(nats.Connect("nats://" + s.address))(t)
	defer nc.Close()
	m := must(nc.RequestWithContext(ctx, "$JS.API.STREAM.INFO."+q.names.stream, nil))(t)
	if !strings.Contains(string(m.Data), "stream not found") {
		t.Errorf("the stream stayed: %s", m.Data)
	}
}

func TestATeamsServerIsKilledAndStartedAgain(t *testing.T) {
	ctx := testContext(t)
	s := startTeam(t, jetStream)
	a := s.at(testToken)
	r := openRemote(ctx, t, a, testOptions())
	node := dial(ctx, t, Join{Addresses: at(a), Hello: Hello{Name: "one"}})
	all := testLeases(40, 5)
	publish(ctx, t, r.queue, all...)
	held := must(node.Pull(ctx, 1))(t)
	s.kill()
	s.start(t)
	began := time.Now()
	var sequence uint64
	check(t, finish(ctx, node, &sequence, held[0]))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the node was back after %s", took)
	}
	// Its memory is gone, which the coordinator's watchdog sees.
	untilOpen(ctx, t, r.queue, noQueue)
	check(t, r.queue.Renew(ctx))
	publish(ctx, t, r.queue, all[1:]...)
	end := worker(ctx, node, 3)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
	check(t, r.queue.End(ctx))
	check(t, <-end)
	r.clerk.wantOnce(t, all...)
}

func TestACoordinatorIsStartedAgainOnATeamsServer(t *testing.T) {
	ctx := testContext(t)
	s := startTeam(t, jetStream)
	a := s.at(testToken)
	first := openRemote(ctx, t, a, testOptions())
	node := dial(ctx, t, Join{Addresses: at(a), Hello: Hello{Name: "one"}})
	publish(ctx, t, first.queue, testLease(1, 1))
	old := must(node.Pull(ctx, 1))(t)[0]
	o := testOptions()
	o.Generation = 2
	second := openRemote(ctx, t, a, o)
	// The first one notices.
	for {
		if err := first.queue.Publish(ctx, testLease(2, 1)); err != nil {
			wantRefused(t, err, Replaced)
			break
		}
	}
	if c := must(node.Claim(ctx, held(old)))(t)[0]; c.Refused == "" {
		t.Error("a lease of the first coordinator was claimed of the second")
	}
	l := testLease(7, 3)
	l.Generation = 2
	publish(ctx, t, second.queue, l)
	end := worker(ctx, node, 1)
	second.clerk.until(ctx, t, "leases end", func() bool { return second.clerk.ended == 1 })
	check(t, second.queue.End(ctx))
	check(t, <-end)
	second.clerk.wantOnce(t, l)
	_, err := OpenRemote(ctx, a, testOptions())
	if err == nil || !errors.Is(err, lease.ErrReplaced) {
		t.Errorf("an older coordinator takes the queue: %v", err)
	}
	first.queue.Close()
	if _, err := second.queue.js.Stream(ctx, second.queue.names.stream); err != nil {
		t.Errorf("the first coordinator has removed the stream of the second: %v", err)
	}
}

func TestATeamsServerThatDoesNotDo(t *testing.T) {
	ctx := testContext(t)
	cases := map[string]struct {
		config string
		user   string
		want   Reason
	}{
		"no JetStream":     {want: NoJetStream},
		"small messages":   {config: jetStream + "max_payload: 65536\n", want: Limits},
		"little memory":    {config: "jetstream { store_dir: \"FOLDER/store\", max_memory_store: 1048576 }\n", want: Limits},
		"little of it":     {config: jetStream + "accounts { a { jetstream { max_mem: 1M, max_file: 1M }, users: [{user: u, password: p}] } }\n", user: "u:p@", want: Limits},
		"no streams":       {config: jetStream + "accounts { a { jetstream { max_mem: 100M, max_streams: 1 }, users: [{user: u, password: p}] } }\n", user: "u:p@"},
		"not this account": {config: jetStream + "accounts { a { users: [{user: u, password: p}] } }\n", user: "u:p@", want: NoJetStream},
		"no permission":    {config: jetStream + "authorization { users: [{user: u, password: p, permissions: {publish: [\"kgz.>\"], subscribe: [\">\"]}}] }\n", user: "u:p@", want: Denied},
		"wrong password":   {config: jetStream + "authorization { users: [{user: u, password: p}] }\n", user: "u:q@", want: Denied},
		"some memory":      {config: "jetstream { store_dir: \"FOLDER/store\", max_memory_store: 64MB }\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := startTeam(t, c.config)
			a := s.at(testToken)
			a.URL = "nats://" + c.user + s.address
			q, err := OpenRemote(ctx, a, testOptions())
			if c.want == "" {
				check(t, err)
				if name == "some memory" && q.window > 64<<20 {
					t.Errorf("the window is %d", q.window)
				}
				q.Close()
				return
			}
			wantRefused(t, err, c.want)
		})
	}
}

func TestTheRightsOfATeamsNodes(t *testing.T) {
	ctx := testContext(t)
	const nodes = `{user: node, password: p, permissions: {publish: ["kgz.*.desk.*", "kgz.*.beat.*", "$JS.API.CONSUMER.MSG.NEXT.*.nodes"], subscribe: ["kgz.*.say", "_INBOX.>"]}}`
	const deaf = `{user: deaf, password: p, permissions: {publish: ["kgz.*.desk.*", "kgz.*.beat.*"], subscribe: ["kgz.*.say", "_INBOX.>"]}}`
	const desk = `{user: desk, password: p, permissions: {publish: ["kgz.>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"], subscribe: ["kgz.>", "_INBOX.>"]}}`
	s := startTeam(t, jetStream+"authorization { users: ["+nodes+","+deaf+","+desk+"] }\n")
	a := s.at(testToken)
	a.URL = "nats://desk:p@" + s.address
	r := openRemote(ctx, t, a, testOptions())
	all := testLeases(10, 1)
	publish(ctx, t, r.queue, all...)
	a.URL = "nats://deaf:p@" + s.address
	s2 := dial(ctx, t, Join{Addresses: at(a)})
	_, err := s2.Pull(ctx, 1)
	wantRefused(t, err, Denied)
	a.URL = "nats://node:p@" + s.address
	end := worker(ctx, dial(ctx, t, Join{Addresses: at(a)}), 2)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
	go func() { _ = r.queue.End(ctx) }()
	check(t, <-end)
}

func TestVersions(t *testing.T) {
	for text, want := range map[string][2]int{"2.15.1": {2, 15}, "2.9": {2, 9}, "3.0.0-beta.1": {3, 0}, "10.11.12": {10, 11}} {
		if major, minor, ok := version(text); !ok || major != want[0] || minor != want[1] {
			t.Errorf("%s is %d.%d, %v", text, major, minor, ok)
		}
	}
	for _, text := range []string{"", "dev", "2", "2.", "v2.10.0", "2.x"} {
		if _, _, ok := version(text); ok {
			t.Errorf("%q is a version", text)
		}
	}
}

// TestCredentialsAndTLSOfATeam uses a server with accounts by JWT, and a certificate that an authority of the team's own has signed.
func TestCredentialsAndTLSOfATeam(t *testing.T) {
	ctx := testContext(t)
	folder := t.TempDir()
	authority, cert, key := writeCertificates(t, folder)
	operator, account, user := must(nkeys.CreateOperator())(t), must(nkeys.CreateAccount())(t), must(nkeys.CreateUser())(t)
	system := public(t, must(nkeys.CreateAccount())(t))
	systemJWT := must(jwt.NewAccountClaims(system).Encode(operator))(t)
	oc := jwt.NewOperatorClaims(public(t, operator))
	oc.SystemAccount = system
	operatorJWT := must(oc.Encode(operator))(t)
	ac := jwt.NewAccountClaims(public(t, account))
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: 256 << 20, DiskStorage: 1 << 20, Streams: -1, Consumer: -1}
	accountJWT := must(ac.Encode(operator))(t)
	uc := jwt.NewUserClaims(public(t, user))
	userJWT := must(uc.Encode(account))(t)
	seed := must(user.Seed())(t)
	credentials := filepath.Join(folder, "team.creds")
	check(t, os.WriteFile(credentials, must(jwt.FormatUserConfig(userJWT, seed))(t), 0o600))
	s := startTeam(t, jetStream+fmt.Sprintf("operator: %s\nresolver: MEMORY\nsystem_account: %s\nresolver_preload: { %s: %s, %s: %s }\ntls { cert_file: %q, key_file: %q }\n",
		operatorJWT, system, system, systemJWT, public(t, account), accountJWT, cert, key))
	a := s.at(testToken)
	a.URL, a.Credentials, a.Authorities = "tls://"+s.address, credentials, authority
	r := openRemote(ctx, t, a, testOptions())
	if r.queue.window >= windowBytes {
		t.Errorf("the window is %d, and the account has less", r.queue.window)
	}
	all := testLeases(10, 1)
	publish(ctx, t, r.queue, all...)
	end := worker(ctx, dial(ctx, t, Join{Addresses: at(a)}), 2)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
	check(t, r.queue.End(ctx))
	check(t, <-end)

	unknown := a
	unknown.Authorities = ""
	_, err := Dial(ctx, Join{Addresses: at(unknown)})
	wantRefused(t, err, WrongCertificate)
	without := a
	without.Credentials = ""
	_, err = Dial(ctx, Join{Addresses: at(without)})
	if !Is(err, WrongToken) && !Is(err, Denied) {
		t.Errorf("without credentials: %v", err)
	}
	missing := a
	missing.Credentials = filepath.Join(folder, "missing")
	_, err = Dial(ctx, Join{Addresses: at(missing)})
	wantRefused(t, err, Denied)
}

func public(t *testing.T, k nkeys.KeyPair) string {
	t.Helper()
	return must(k.PublicKey())(t)
}

func writeCertificates(t *testing.T, folder string) (authority, cert, key string) {
	t.Helper()
	authorityKey, serverKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "team"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(folder, name)
		check(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	authority = write("authority.pem", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, root, root, authorityKey.Public(), authorityKey))(t))
	cert = write("cert.pem", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, leaf, root, serverKey.Public(), authorityKey))(t))
	key = write("key.pem", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(serverKey))(t))
	return authority, cert, key
}

// TestAServerThatHangs: the coordinator says so, and knows that it cannot hear nodes meanwhile.
func TestAServerThatHangs(t *testing.T) {
	ctx := testContext(t)
	s := startTeam(t, jetStream)
	told := make(chan error, 8)
	o := testOptions()
	o.Connection = func(lost error) { told <- lost }
	r := openRemote(ctx, t, s.at("a-token-of-the-run-that-hangs"), o)
	check(t, s.process.Process.Signal(syscall.SIGSTOP))
	if err := <-told; err == nil {
		t.Error("the server is back before it was lost")
	}
	var w serverWatch
	if w.answers(r.queue) {
		t.Error("a stopped server answers")
	}
	check(t, s.process.Process.Signal(syscall.SIGCONT))
	if err := <-told; err != nil {
		t.Errorf("a server that answers again: %v", err)
	}
	if !w.answers(r.queue) {
		t.Error("the server does not answer")
	}
}
