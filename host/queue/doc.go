// Package queue carries leases between a coordinator and its nodes with NATS JetStream, in a server that is embedded in the coordinator or in one
// that a team runs. It is the only room that knows NATS.
//
// A run's names on a server follow from its token, so that runs share a server and a node needs no more than the token. With P =
// "kgz.KEY", KEY the start of the token's hash, and ID a secret number that each node makes for itself:
//
//	P.lease.SECRET   leases, published by the coordinator, which alone knows SECRET; the stream KGZ_KEY keeps them until they are done
//	P.lease          what nodes see as the subject of a lease; what is sent there goes nowhere
//	P.desk.ID        requests of a node, answered by the coordinator
//	P.beat.ID        signs of life of a node, not answered
//	P.say            announcements of the coordinator to all nodes
//	_INBOX.ID.>      answers and leases for a node
//	$JS.API.CONSUMER.MSG.NEXT.KGZ_KEY.nodes
//	                 how a node asks for leases
//
// A node of an embedded server may do this and nothing else. Only the coordinator may acknowledge, because JetStream accepts an acknowledgement
// from a former holder of a message. The server's and the coordinator's answers go where a request says, with more rights than the node has. So the
// coordinator answers only below the node's own _INBOX.ID, and the stream takes nothing at a subject that a node can name.
package queue
