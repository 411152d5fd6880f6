package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificates DIR writes the certificate of an authority, and one that it has signed for this machine: authority.pem, cert.pem and key.pem.
func certificates(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		return k
	}
	ofAuthority, ofServer := key(), key()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "team"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	host, _ := os.Hostname()
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, DNSNames: []string{host, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	found, err := net.InterfaceAddrs()
	ts.Check(err)
	for _, a := range found {
		if n, ok := a.(*net.IPNet); ok {
			leaf.IPAddresses = append(leaf.IPAddresses, n.IP)
		}
	}
	write := func(name, kind string, der []byte, err error) {
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ofAuthority.Public(), ofAuthority)
	write("authority.pem", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, root, ofServer.Public(), ofAuthority)
	write("cert.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(ofServer)
	write("key.pem", "PRIVATE KEY", der, err)
}

// plainclient URL TOKEN talks to a server without TLS, and wants it not to answer.
func plainClient(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(args[0])
	ts.Check(err)
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", u.Port()), 5*time.Second)
	ts.Check(err)
	defer func() { _ = conn.Close() }()
	token, _, _ := strings.Cut(args[1], ".")
	_, err = fmt.Fprintf(conn, "CONNECT {\"verbose\":true,\"pedantic\":false,\"user\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"pass\":%q,\"protocol\":1}\r\nPING\r\n", token)
	ts.Check(err)
	ts.Check(conn.SetReadDeadline(time.Now().Add(30 * time.Second)))
	said, err := io.ReadAll(conn)
	ts.Logf("the server said %q (%v)", said, err)
	if strings.Contains(string(said), "PONG") || strings.Contains(string(said), "+OK") {
		ts.Fatalf("a client without TLS was let in")
	}
	if !strings.Contains(string(said), `"tls_required":true`) {
		ts.Fatalf("the server does not ask for TLS")
	}
}
