package queue

import "errors"

// serverWatch asks a team's server once a second whether it answers. nats.go notices one that hangs only after a minute.
type serverWatch struct {
	// silent counts the times in a row that it did not answer.
	silent int
}

// connection calls Options.Connection.
func (q *Queue) connection(lost error) {
	if tell := q.options.Connection; tell != nil {
		tell(lost)
	}
}

// silentServer is the number of times that a server does not answer until the coordinator says so.
const silentServer = 3

func (w *serverWatch) answers(q *Queue) bool {
	switch {
	case !q.nats.IsConnected():
		// The connection's own handlers tell of that.
		w.silent = 0
		return false
	case q.server != nil:
		return true
	case q.nats.FlushTimeout(watchEvery) == nil:
		if w.silent >= silentServer {
			q.connection(nil)
		}
		w.silent = 0
		return true
	}
	if w.silent++; w.silent == silentServer {
		q.connection(errors.New("it does not answer"))
	}
	return false
}
