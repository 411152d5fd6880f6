package queue

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The bounds of an embedded server.
const (
	// maxPayload is the largest message; what is larger goes in pieces.
	maxPayload = 2 << 20
	// MaxNodes is the maximum number of a run's nodes.
	MaxNodes = 20_000
	// maxPending bounds what waits for a node that does not read, before it is disconnected.
	maxPending = 64 << 20
	// maxSubscriptions of one connection: answers, leases, and what the coordinator says.
	maxSubscriptions = 16
	serverStart      = 10 * time.Second
)

// ServerOptions are the options of an embedded server.
type ServerOptions struct {
	// Listen is the address for nodes, "HOST:PORT"; port 0 takes a free one. Empty: only this process can connect.
	Listen string
	// Token is what every node must know.
	Token string
	// Certificate is needed off loopback; nil: no TLS.
	Certificate *tls.Certificate
}

// Server is a NATS server in this process, for one run. It keeps leases in memory only.
type Server struct {
	options ServerOptions
	nats    *server.Server
	gate    *gate
	queue   atomic.Pointer[Queue]
	close   sync.Once
}

// StartServer starts a server. If another program has the address, the error is a Refused.
func StartServer(o ServerOptions) (*Server, error) {
	if _, err := ParseSecret(o.Token); err != nil {
		return nil, err
	}
	options := &server.Options{
		ServerName:         "kagurazaka",
		DontListen:         o.Listen == "",
		NoSigs:             true,
		NoLog:              true,
		MaxPayload:         maxPayload,
		MaxPending:         maxPending,
		MaxConn:            MaxNodes + 16,
		MaxSubs:            maxSubscriptions,
		MaxControlLine:     1024,
		AuthTimeout:        10,
		WriteDeadline:      10 * time.Second,
		PingInterval:       pingEvery + time.Minute,
		MaxPingsOut:        2,
		JetStream:          true,
		JetStreamMaxMemory: 2 * windowBytes,
		JetStreamMaxStore:  1 << 20,
		JetStreamLimits:    server.JSLimitOpts{},
	}
	if o.Listen != "" {
		host, port, err := listenAddress(o)
		if err != nil {
			return nil, err
		}
		options.Host, options.Port = host, port
	}
	if o.Certificate != nil {
		options.TLS = true
		options.TLSTimeout = 10
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*o.Certificate}}
	}
	s := &Server{options: o, gate: &gate{token: o.Token, desk: NewToken(), names: namesOf(o.Token)}}
	options.CustomClientAuthentication = s.gate
	// The server needs a folder to start. A memory stream writes nothing there, so the folder is removed at once, and a killed coordinator
	// leaves none.
	folder, err := os.MkdirTemp("", "kagurazaka-queue-")
	if err != nil {
		return nil, fmt.Errorf("cannot make the folder of the queue's server: %w", err)
	}
	options.StoreDir = folder
	err = s.start(options)
	_ = os.RemoveAll(folder) // in the folder for temporary files
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) start(options *server.Options) error {
	var err error
	if s.nats, err = server.NewServer(options); err != nil {
		return fmt.Errorf("cannot start the queue's server: %w", err)
	}
	var log lastError
	s.nats.SetLogger(&log, false, false)
	s.gate.system = s.nats.SystemAccount
	s.nats.Start()
	if !s.nats.ReadyForConnections(serverStart) || !s.nats.JetStreamEnabled() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		if text := log.text(); text != "" {
			return fmt.Errorf("cannot start the queue's server: %s", text)
		}
		return fmt.Errorf("the queue's server was not ready after %s", serverStart)
	}
	return nil
}

// Address is where nodes connect, with the port that was taken; empty: nowhere.
func (s *Server) Address() string {
	if s.options.Listen == "" {
		return ""
	}
	host, _, _ := net.SplitHostPort(s.options.Listen)
	addr, ok := s.nats.Addr().(*net.TCPAddr)
	if !ok {
		return s.options.Listen
	}
	return net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// Close ends the server and what is left in its queue. Nodes see a coordinator that cannot be reached.
func (s *Server) Close() {
	s.close.Do(func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	})
}

// listenAddress is the host and the port of the address, -1 for a free one. It tries to listen there, because the server itself does not report
// why it cannot.
func listenAddress(o ServerOptions) (string, int, error) {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return "", 0, fmt.Errorf("%s is not an address: write HOST:PORT, as 127.0.0.1:0 or :4222", o.Listen)
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		if errors.Is(err, errAddressTaken) {
			return "", 0, refuse(Taken, "%s is taken by another program: stop it, or listen at another port", o.Listen)
		}
		return "", 0, refuse(BadAddress, "cannot listen at %s: %s", o.Listen, err)
	}
	addr := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		return "", 0, err
	}
	if o.Certificate == nil && !addr.IP.IsLoopback() {
		return "", 0, fmt.Errorf("%s can be reached from other machines, and the server has no certificate", o.Listen)
	}
	_, port, _ := net.SplitHostPort(o.Listen)
	if n, err := strconv.Atoi(port); err == nil && n == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, addr.Port, nil
}

// lastError is a logger that keeps the last error and drops the rest.
type lastError struct {
	mu   sync.Mutex
	last string
}

func (l *lastError) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *lastError) Errorf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = fmt.Sprintf(format, v...)
}

func (l *lastError) Fatalf(format string, v ...any) { l.Errorf(format, v...) }
func (*lastError) Noticef(string, ...any)           {}
func (*lastError) Warnf(string, ...any)             {}
func (*lastError) Debugf(string, ...any)            {}
func (*lastError) Tracef(string, ...any)            {}
