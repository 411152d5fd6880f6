package queue

import (
	"syscall"

	"github.com/nats-io/nats-server/v2/server"
)

const errAddressTaken = syscall.EADDRINUSE

// The users of an embedded server beside the nodes, whose users are their numbers.
const (
	userDesk   = "desk"
	userEvents = "events"
)

// gate admits connections to an embedded server, each with the permissions that it needs.
type gate struct {
	// token is the nodes' password, desk the coordinator's own, which is new at each start.
	token, desk string
	names       names
	system      func() *server.Account
}

// Check implements server.Authentication.
func (g *gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	switch o.Username {
	case userDesk:
		if !same(o.Password, g.desk) {
			return false
		}
		c.RegisterUser(&server.User{Username: userDesk})
		return true
	case userEvents:
		if !same(o.Password, g.desk) {
			return false
		}
		c.RegisterUser(&server.User{Username: userEvents, Account: g.system()})
		return true
	}
	if !same(o.Password, g.token) || !isID(o.Username) {
		return false
	}
	c.RegisterUser(&server.User{Username: o.Username, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{g.names.next, g.names.desk(o.Username), g.names.beat(o.Username)}},
		Subscribe: &server.SubjectPermission{Allow: []string{g.names.say, inbox(o.Username) + ".>"}},
	}})
	return true
}
