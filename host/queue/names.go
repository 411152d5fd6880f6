package queue

import (
	"encoding/base64"
	"strings"
)

// names are a run's names on a server. The package's comment lists them.
type names struct {
	stream, consumer             string
	lease, say, next, deskPrefix string
	// nowhere is a subject without a subscriber.
	nowhere    string
	beatPrefix string
}

func namesOf(token string) names {
	k := key(token)
	p := "kgz." + k
	n := names{
		stream: "KGZ_" + k, consumer: "nodes",
		lease: p + ".lease", say: p + ".say", nowhere: p + ".nowhere", deskPrefix: p + ".desk.", beatPrefix: p + ".beat.",
	}
	n.next = "$JS.API.CONSUMER.MSG.NEXT." + n.stream + "." + n.consumer
	return n
}

// offers is the subject at which a stream takes leases; secret is known to the coordinator alone.
func (n names) offers(secret string) string { return n.lease + "." + secret }

func (n names) desk(id string) string { return n.deskPrefix + id }
func (n names) beat(id string) string { return n.beatPrefix + id }

// inbox is the prefix of the subjects of answers to a node.
func inbox(id string) string { return "_INBOX." + id }

const idBytes = 16

// newID makes the secret number of a node.
func newID() string { return base64.RawURLEncoding.EncodeToString(random(idBytes)) }

func isID(s string) bool {
	return len(s) == base64.RawURLEncoding.EncodedLen(idBytes) && !strings.ContainsFunc(s, notOfToken)
}
