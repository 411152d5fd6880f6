package queue

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

// NewCertificate creates a self-signed certificate with its key, as PEM. Nodes know it by its fingerprint, so it names no host, and its dates do not
// matter.
func NewCertificate() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(random(16)),
		Subject:      pkix.Name{CommonName: certificateName},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return out.Bytes(), nil
}

// certificateName is the subject of certificates that runs create.
const certificateName = "kagurazaka coordinator"

// madeHere reports whether a run has created a certificate.
func madeHere(c *x509.Certificate) bool { return c.Subject.CommonName == certificateName }

// KnownHere reports whether an authority that this machine knows has signed the first certificate in a PEM file.
func KnownHere(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	var leaf *x509.Certificate
	others := x509.NewCertPool()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch c, err := x509.ParseCertificate(block.Bytes); {
		case block.Type != "CERTIFICATE" || err != nil:
		case leaf == nil:
			leaf = c
		default:
			others.AddCert(c)
		}
	}
	if leaf == nil {
		return false
	}
	_, err = leaf.Verify(x509.VerifyOptions{Intermediates: others})
	return err == nil
}

// ParseCertificate reads a certificate with its key, as NewCertificate writes them.
func ParseCertificate(text []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("this is not a certificate with its key: %w", err)
	}
	return &c, nil
}

// Fingerprint is the SHA-256 by which nodes know a certificate.
func Fingerprint(c *tls.Certificate) string { return hash(c.Certificate[0]) }

// errPinned is the error of a server that shows another certificate than the secret names.
var errPinned = errors.New("the server shows another certificate")

// pinned accepts the certificate with a fingerprint, and no other.
func pinned(want string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does more
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !same(hash(s.PeerCertificates[0].Raw), want) {
				return errPinned
			}
			return nil
		},
	}
}
