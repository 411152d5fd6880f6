package queue

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Secret is what a node needs to join a run, besides its address.
type Secret struct {
	// Token admits to the run.
	Token string
	// Fingerprint is the SHA-256 of the server's certificate, in hexadecimal; empty: the server has none, or one that an authority has signed.
	Fingerprint string
}

// NewToken creates a token.
func NewToken() string { return base64.RawURLEncoding.EncodeToString(random(24)) }

// String is the secret in one line, as it is in a token file: "TOKEN" or "TOKEN.FINGERPRINT".
func (s Secret) String() string {
	if s.Fingerprint == "" {
		return s.Token
	}
	return s.Token + "." + s.Fingerprint
}

// ParseSecret reads what String returns, with space around it. The error does not repeat the text.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	token, fingerprint, pinned := strings.Cut(text, ".")
	switch {
	case text == "":
		return Secret{}, errors.New("the token is empty")
	case len(token) < 16 || len(token) > 256 || strings.ContainsFunc(token, notOfToken):
		return Secret{}, errors.New("this is not a token: it must be 16 to 256 letters, digits, '-' or '_', and may be followed by a dot and the certificate's fingerprint")
	case pinned:
		if raw, err := hex.DecodeString(fingerprint); err != nil || len(raw) != sha256.Size {
			return Secret{}, errors.New("the fingerprint after the token must be 64 hexadecimal digits")
		}
	}
	return Secret{Token: token, Fingerprint: strings.ToLower(fingerprint)}, nil
}

func notOfToken(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
}

// key is the part of a run's names on a server that follows from its token. The token cannot be told from it.
func key(token string) string {
	sum := sha256.Sum256([]byte("kagurazaka run " + token))
	return hex.EncodeToString(sum[:8])
}

// same compares secrets in constant time.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// hash is the SHA-256 of b, in hexadecimal.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
