package queue

import (
	"errors"
	"fmt"

	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

// Reason is why a node or a coordinator cannot use a queue.
type Reason string

// The reasons.
const (
	// WrongToken: the server or the coordinator does not accept the token.
	WrongToken Reason = "wrong token"
	// WrongCertificate: the server's certificate is not the one that the token names, or no authority known here has signed it.
	WrongCertificate Reason = "wrong certificate"
	// WrongVersion: coordinator and node speak different versions of the messages.
	WrongVersion Reason = "wrong version"
	// NoRun: the server has no coordinator of a run with this token.
	NoRun Reason = "no such run"
	// NotAdmitted: the coordinator does not admit the node; the text is the coordinator's.
	NotAdmitted Reason = "not admitted"
	// Unreachable: nothing answers at any of the addresses.
	Unreachable Reason = "unreachable"
	// Silent: the server or coordinator at the address does not answer in time.
	Silent Reason = "no answer"
	// Taken: another program listens at the server's address.
	Taken Reason = "address taken"
	// BadAddress: the server cannot listen at the address, because this machine does not have it, or may not.
	BadAddress Reason = "bad address"
	// Replaced: a later coordinator of the run has taken its queue over. It is a lease.ErrReplaced.
	Replaced Reason = "replaced"
	// NoJetStream: the server runs without JetStream, or the account may not use it.
	NoJetStream Reason = "no JetStream"
	// Limits: a limit of a team's server is too low.
	Limits Reason = "limits too low"
	// Denied: a team's server does not accept the credentials, or they lack a permission.
	Denied Reason = "denied"
	// Ended: the run has ended.
	Ended Reason = "the run has ended"
	// Lost: the coordinator could not be reached again in time.
	Lost Reason = "lost"
)

// Refused is the error of a node or coordinator that cannot use a queue. The text, one line, says what to do.
type Refused struct {
	Reason Reason
	Text   string
}

// Error is the whole message.
func (r *Refused) Error() string { return r.Text }

// Is makes Replaced a lease.ErrReplaced for errors.Is.
func (r *Refused) Is(target error) bool { return target == lease.ErrReplaced && r.Reason == Replaced }

// Is reports whether err is a Refused with the reason.
func Is(err error, reason Reason) bool {
	var r *Refused
	return errors.As(err, &r) && r.Reason == reason
}

func refuse(reason Reason, format string, args ...any) *Refused {
	return &Refused{Reason: reason, Text: fmt.Sprintf(format, args...)}
}
