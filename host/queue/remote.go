package queue

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// minPayload is the size of messages that a team's server must accept; minMajor.minMinor is its minimum version.
const (
	minPayload = 1 << 20
	minMajor   = 2
	minMinor   = 10
)

var errDisconnected = errors.New("the server has closed the connection")

// OpenRemote creates a run's queue in a team's server. If the server cannot carry it, the error is a Refused.
func OpenRemote(ctx context.Context, a Address, o Options) (*Queue, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A server does not answer a forbidden request.
	options := append(deskOptions(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			cancel(err)
		}
	}))
	if told := o.Connection; told != nil {
		options = append(options, nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				told(cmp.Or(err, errDisconnected))
			}
		}), nats.ReconnectHandler(func(*nats.Conn) { told(nil) }))
	}
	// The token is no password of the team's server.
	nc, err := connect(ctx, a, "", "", options...)
	if Is(err, WrongToken) {
		return nil, refuse(Denied, "the server at %s asks for credentials: give a credentials file, or user and password in the URL", redact(a.URL))
	}
	if err != nil {
		return nil, err
	}
	at := redact(nc.ConnectedUrl())
	q, err := open(ctx, nc, o, nil)
	if denied := context.Cause(ctx); denied != nil && errors.Is(denied, nats.ErrPermissionViolation) {
		if q != nil {
			q.Close()
		}
		return nil, lacking(at, denied)
	}
	return q, err
}

// lacking is the refusal for a missing permission on a server.
func lacking(at string, err error) *Refused {
	return refuse(Denied, "the credentials lack a permission on the server at %s: %s", at, strings.TrimPrefix(err.Error(), "nats: "))
}

// fits checks that a team's server can carry a run, and adapts the window.
func (q *Queue) fits(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askTimeout)
	defer cancel()
	at := redact(q.nats.ConnectedUrl())
	if major, minor, ok := version(q.nats.ConnectedServerVersion()); ok && (major < minMajor || major == minMajor && minor < minMinor) {
		return refuse(WrongVersion, "the server at %s is nats-server %s: %d.%d or newer is needed", at, q.nats.ConnectedServerVersion(), minMajor, minMinor)
	}
	if most := q.nats.MaxPayload(); most < minPayload {
		return refuse(Limits, "the server at %s takes messages of %d bytes at most (max_payload): at least %d are needed", at, most, minPayload)
	}
	account, err := q.js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrNoResponders):
		return refuse(NoJetStream, "the server at %s runs without JetStream: start it with --jetstream, or with jetstream { } in its configuration", at)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return refuse(NoJetStream, "the server at %s has JetStream, but not for this account", at)
	case err != nil:
		return refuse(NoJetStream, "the server at %s does not answer for JetStream: %s", at, err)
	}
	if most := account.Limits.MaxMemory; most >= 0 {
		free := most - int64(account.Memory)
		if free < minWindowBytes {
			return refuse(Limits, "the account on the server at %s has %d bytes of JetStream memory left: at least %d are needed", at, max(free, 0), minWindowBytes)
		}
		// The stream has room for one eighth more than the window.
		q.window = int(min(windowBytes, free/9*8))
	}
	if most := account.Limits.MaxStreams; most >= 0 && account.Streams >= most {
		if _, err := q.js.Stream(ctx, q.names.stream); err != nil {
			return refuse(Limits, "the account on the server at %s has as many streams as it may have (%d)", at, most)
		}
	}
	return nil
}

// full is the refusal for a server without room for a stream; nil if err is another error.
func (q *Queue) full(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return nil
	}
	at := redact(q.nats.ConnectedUrl())
	switch api.ErrorCode {
	case errInsufficient, errMemory, errStorage:
		return refuse(Limits, "the server at %s has no JetStream memory left for a run: at least %d bytes are needed (max_memory_store, or the account's max_mem)", at, minWindowBytes)
	case errStreams, errConsumers:
		return refuse(Limits, "the server at %s has as many streams or consumers as it may have (%s)", at, api.Description)
	case errOverlap:
		return refuse(Denied, "another stream on the server at %s takes the subjects of this run (%s): remove it, or use another account", at, q.names.lease)
	}
	return nil
}

// Codes of JetStream's errors that its client does not name.
const (
	errInsufficient jetstream.ErrorCode = 10023
	errConsumers    jetstream.ErrorCode = 10026
	errStreams      jetstream.ErrorCode = 10027
	errMemory       jetstream.ErrorCode = 10028
	errStorage      jetstream.ErrorCode = 10047
	errOverlap      jetstream.ErrorCode = 10065
)

// version reads the first two numbers of a server's version.
func version(text string) (major, minor int, ok bool) {
	for i, part := range strings.SplitN(text, ".", 3) {
		n := 0
		for _, r := range part {
			if r < '0' || r > '9' || n > 1<<20 {
				return 0, 0, false
			}
			n = n*10 + int(r-'0')
		}
		switch i {
		case 0:
			major = n
		case 1:
			return major, n, part != ""
		}
	}
	return 0, 0, false
}
