package queue

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Address is where a server is, and how to connect to it.
type Address struct {
	// URL is "nats://HOST:PORT", "tls://HOST:PORT", "ws://…" or "wss://…". A user and a password in it are those of a team's server.
	URL string
	// Secret is the run's. Its fingerprint, if it has one, is what the server must show.
	Secret Secret
	// Credentials is the path of a credentials file of a team's server, or of a file with USER:PASSWORD; may be empty.
	Credentials string
	// Authorities is the path of a PEM file with certificates that sign the server's; empty: the system's.
	Authorities string
}

// defaultPort is the port of a URL without one.
const defaultPort = "4222"

// ParseURL reads the URL of a server. token is the token in it, as in nats://TOKEN@host. The caller warns of one, because everybody on a machine sees
// command lines.
func ParseURL(text string) (cleaned, token string, err error) {
	whole := text
	if !strings.Contains(whole, "://") {
		whole = "nats://" + whole
	}
	u, err := url.Parse(whole)
	switch {
	case err != nil || u.Hostname() == "":
		return "", "", fmt.Errorf("%s: not the URL of a server; hint: write nats://HOST:PORT", redact(text))
	case u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss":
		return "", "", fmt.Errorf("%s: begins with %s://; hint: write nats://HOST:PORT, tls://, ws:// or wss://", redact(text), u.Scheme)
	case u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" && (u.Scheme == "nats" || u.Scheme == "tls"):
		return "", "", fmt.Errorf("%s: has more than a server's address; hint: write nats://HOST:PORT", redact(text))
	}
	if u.Port() == "" && (u.Scheme == "nats" || u.Scheme == "tls") {
		u.Host = net.JoinHostPort(u.Hostname(), defaultPort)
	}
	if u.User != nil {
		if _, password := u.User.Password(); !password {
			token, u.User = u.User.Username(), nil
		}
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u.String(), token, nil
}

// Public returns a server's URL without user and password, which other people and log files may see, and whether it had them.
func Public(text string) (public string, secret bool) {
	scheme := 0
	if i := strings.Index(text, "://"); i >= 0 {
		scheme = i + len("://")
	}
	if at := strings.LastIndex(text, "@"); at >= scheme {
		return text[:scheme] + text[at+1:], true
	}
	return text, false
}

// redact returns a URL without user, password and token.
func redact(text string) string {
	if at := strings.LastIndex(text, "@"); at >= 0 {
		if scheme := strings.Index(text, "://"); scheme >= 0 && scheme < at {
			return text[:scheme+3] + "…" + text[at:]
		}
		return "…" + text[at:]
	}
	return text
}

// options are the options of a connection. user and password apply unless the URL or the credentials file has others.
func (a Address) options(user, password string) ([]nats.Option, error) {
	var all []nats.Option
	u, err := url.Parse(a.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case a.Credentials != "":
		option, err := credentials(a.Credentials)
		if err != nil {
			return nil, err
		}
		all = append(all, option)
	case u.User == nil && user != "":
		all = append(all, nats.UserInfo(user, password))
	}
	switch {
	case a.Secret.Fingerprint != "":
		all = append(all, nats.Secure(pinned(a.Secret.Fingerprint)))
	case a.Authorities != "":
		text, err := os.ReadFile(a.Authorities)
		if err != nil {
			return nil, refuse(WrongCertificate, "cannot read the authorities' certificates: %s", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, refuse(WrongCertificate, "%s has no certificates", a.Authorities)
		}
		all = append(all, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}))
	}
	return all, nil
}

// credentials is the option of a connection for a credentials file. The errors do not repeat what it holds.
func credentials(file string) (nats.Option, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, refuse(Denied, "cannot read the credentials file: %s", err)
	}
	if strings.Contains(string(text), "-----BEGIN") {
		return nats.UserCredentials(file), nil
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(text)), ":")
	if !ok || user == "" || strings.ContainsAny(password, "\r\n") {
		return nil, refuse(Denied, "%s is not a credentials file: it must be one of the server's account, or have one line USER:PASSWORD", file)
	}
	return nats.UserInfo(user, password), nil
}

// connect connects to one address. The error is a Refused.
func connect(ctx context.Context, a Address, user, password string, more ...nats.Option) (*nats.Conn, error) {
	options, err := a.options(user, password)
	if err != nil {
		return nil, err
	}
	// A dial that ctx ends is not waited for.
	type result struct {
		nc  *nats.Conn
		err error
	}
	c := make(chan result, 1)
	d := &dialer{}
	go func() {
		nc, err := nats.Connect(a.URL, append(append(more, nats.SetCustomDialer(d)), options...)...)
		c <- result{nc, err}
	}()
	select {
	case r := <-c:
		if r.err != nil {
			if err := d.err.Load(); err != nil {
				return nil, refuse(Unreachable, "nothing answers at %s (%s)", redact(a.URL), *err)
			}
			return nil, a.explain(r.err)
		}
		return r.nc, nil
	case <-ctx.Done():
		go func() {
			if r := <-c; r.nc != nil {
				r.nc.Close()
			}
		}()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, silence(redact(a.URL))
		}
		return nil, ctx.Err()
	}
}

// dialer keeps the error of a dial, which nats.Connect does not return.
type dialer struct{ err atomic.Pointer[string] }

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	n := net.Dialer{Timeout: askTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}}
	c, err := n.Dial(network, address)
	if err == nil {
		d.err.Store(nil)
		return c, nil
	}
	text := innermost(err)
	d.err.Store(&text)
	return nil, err
}

// explain says what an error of connecting means.
func (a Address) explain(err error) error {
	at := redact(a.URL)
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var tlsErr *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errPinned):
		return refuse(WrongCertificate, "the server at %s shows another certificate than the token names: it is the server of another run, or an intruder; copy the token file again if the run was created again", at)
	case errors.As(err, &tlsErr) && len(tlsErr.UnverifiedCertificates) > 0 && madeHere(tlsErr.UnverifiedCertificates[0]):
		return refuse(WrongCertificate, "the server at %s has a certificate that its run has created, and the token does not name it: this is another run's token, or a part of the token file", at)
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &tlsErr):
		why := err
		if tlsErr != nil {
			why = tlsErr.Err
		}
		hint := "give the certificate of the authority that has signed it with --tls-ca FILE"
		if a.Authorities != "" {
			hint = "is " + a.Authorities + " (--tls-ca) that of the authority that has signed it, and is the host's name in it?"
		}
		return refuse(WrongCertificate, "the certificate of the server at %s is not known here: %s; hint: %s", at, why, hint)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return refuse(WrongCertificate, "the server at %s has no TLS, and the token names a certificate: it is not the server of this run", at)
	case errors.Is(err, nats.ErrSecureConnRequired):
		return refuse(WrongCertificate, "the server at %s asks for TLS", at)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		if a.Credentials != "" || strings.Contains(a.URL, "@") {
			return refuse(Denied, "the server at %s does not take the credentials", at)
		}
		return refuse(WrongToken, "the server at %s does not take the token: it is another run's; if the server is a team's own, it asks for credentials: give --nats-creds FILE, or user and password in the URL", at)
	case errors.Is(err, nats.ErrMaxConnectionsExceeded):
		return refuse(Limits, "the server at %s has as many connections as it may have", at)
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, os.ErrDeadlineExceeded):
		return silence(at)
	case errors.Is(err, nats.ErrNoServers), isNetwork(err):
		return refuse(Unreachable, "nothing answers at %s (%s)", at, strings.TrimPrefix(err.Error(), "nats: "))
	}
	return refuse(Unreachable, "cannot connect to %s: %s", at, err)
}

// innermost is the text of the error that others wrap.
func innermost(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}

func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}
