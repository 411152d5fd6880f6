package queue

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/backbones/lease"
)

func TestWhoIsNotLetIn(t *testing.T) {
	ctx := testContext(t)
	certificate, other := must(ParseCertificate(must(NewCertificate())(t)))(t), must(ParseCertificate(must(NewCertificate())(t)))(t)
	o := testOptions()
	o.Admit = func(h Hello) error {
		if h.Name == "stranger" {
			return errors.New("stranger may not work here")
		}
		return nil
	}
	plain := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, o)
	secure := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0", Certificate: certificate}, o)
	free := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	check(t, free.Close())
	nobody := must(StartServer(ServerOptions{Listen: "127.0.0.1:0", Token: testToken}))(t)
	t.Cleanup(nobody.Close)

	secured := func(fingerprint string) Address {
		a := secure.address()
		a.Secret.Fingerprint = fingerprint
		return a
	}
	wrong := plain.address()
	wrong.Secret.Token = "another-token-of-the-tests"
	pinnedPlain := plain.address()
	pinnedPlain.Secret.Fingerprint = Fingerprint(certificate)
	cases := map[string]struct {
		a    Address
		h    Hello
		want Reason
	}{
		"token":                {a: wrong, want: WrongToken},
		"not pinned":           {a: secure.address(), want: WrongCertificate},
		"another certificate":  {a: secured(Fingerprint(other)), want: WrongCertificate},
		"no certificate":       {a: pinnedPlain, want: WrongCertificate},
		"not admitted":         {a: plain.address(), h: Hello{Name: "stranger"}, want: NotAdmitted},
		"nothing there":        {a: Address{URL: "nats://" + free.Addr().String(), Secret: Secret{Token: testToken}}, want: Unreachable},
		"no coordinator there": {a: Address{URL: "nats://" + nobody.Address(), Secret: Secret{Token: testToken}}, want: NoRun},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Dial(ctx, Join{Addresses: at(c.a), Hello: c.h})
			wantRefused(t, err, c.want)
			if strings.Contains(err.Error(), testToken) || strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("the message is %q", err)
			}
		})
	}
	s := dial(ctx, t, Join{Addresses: at(secured(Fingerprint(certificate)))})
	check(t, s.Leave(ctx, lease.Farewell{}))
	_, err := StartServer(ServerOptions{Listen: plain.server.Address(), Token: testToken})
	wantRefused(t, err, Taken)
	if _, err := StartServer(ServerOptions{Listen: "0.0.0.0:0", Token: testToken}); err == nil {
		t.Error("a server without a certificate listens to other machines")
	}
}

func TestAnotherVersionIsRefused(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	id := newID()
	nc := r.node(t, id)
	ask := func(q []byte) error {
		t.Helper()
		m := must(nc.RequestWithContext(ctx, r.queue.names.desk(id), q))(t)
		a := must(decodeAnswer(m.Data))(t)
		if a.status != statusRefused {
			t.Fatalf("answer: %+v", a)
		}
		return decodeRefusal(a.body)
	}
	wantRefused(t, ask(request{op: opJoin, parts: 1, body: []byte(`{"protocol":2,"version":"v2","proof":"` + prove(testToken, "node", id) + `"}`)}.encode()), WrongVersion)
	frame := request{op: opJoin, parts: 1}.encode()
	frame[0]++
	wantRefused(t, ask(frame), WrongVersion)
}

// node is a connection with a node's rights.
func (r *run) node(t *testing.T, id string) *nats.Conn {
	t.Helper()
	nc := must(nats.Connect("nats://"+r.server.Address(), nats.UserInfo(id, testToken), nats.CustomInboxPrefix(inbox(id)), nats.NoReconnect()))(t)
	t.Cleanup(nc.Close)
	return nc
}

func TestANodeMayDoNothingElse(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	publish(ctx, t, r.queue, testLease(1, 1))
	id, other := newID(), newID()
	violations := make(chan error, 100)
	nc := must(nats.Connect("nats://"+r.server.Address(), nats.UserInfo(id, testToken), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err })))(t)
	defer nc.Close()
	n := r.queue.names
	for _, subject := range []string{
		n.lease, n.say, n.desk(other), n.beat(other), inbox(other) + ".x",
		"$JS.ACK." + n.stream + ".nodes.1.1.1.0.0", "$JS.API.STREAM.DELETE." + n.stream, "$JS.API.STREAM.MSG.DELETE." + n.stream,
		"$JS.API.CONSUMER.CREATE." + n.stream, "$JS.API.STREAM.PURGE." + n.stream, "$JS.API.INFO", "$SYS.REQ.SERVER.PING", "kgz.0123456789abcdef.desk." + id,
	} {
		check(t, nc.Publish(subject, []byte("x")))
		select {
		case err := <-violations:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("publish %s: %v", subject, err)
			}
		case <-ctx.Done():
			t.Fatalf("publish %s: nothing happened", subject)
		}
	}
	for _, subject := range []string{">", "_INBOX.>", inbox(other) + ".>", n.lease, n.deskPrefix + "*", "$SYS.>", "$JS.>"} {
		sub := must(nc.SubscribeSync(subject))(t)
		check(t, nc.Flush())
		select {
		case err := <-violations:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("subscribe %s: %v", subject, err)
			}
		case <-ctx.Done():
			t.Fatalf("subscribe %s: nothing happened", subject)
		}
		_ = sub.Unsubscribe()
	}
	untilOpen(ctx, t, r.queue, 1)
	for _, user := range []string{userDesk, userEvents, "somebody", strings.Repeat("*", 22)} {
		if nc, err := nats.Connect("nats://"+r.server.Address(), nats.UserInfo(user, testToken)); err == nil {
			nc.Close()
			t.Errorf("user %s was let in", user)
		}
	}
}

func TestALeaseThatWasNotDeliveredCannotBeClaimed(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	publish(ctx, t, r.queue, testLease(1, 1))
	s := dial(ctx, t, Join{Local: r.server})
	for _, c := range []claim{
		{held: lease.Held{Generation: 1, ID: 1, Epoch: 99}, nonce: 12345, delivery: 1},
		{held: lease.Held{Generation: 1, ID: 2, Epoch: 99}, delivery: 1},
		{held: lease.Held{Generation: 2, ID: 1, Epoch: 99}, delivery: 1},
	} {
		s.unclaimed[c.held] = c
		if a := must(s.Claim(ctx, c.held))(t)[0]; a.Refused == "" {
			t.Errorf("%+v was claimed", c)
		}
	}
	if len(r.clerk.seen().epoch) > 0 {
		t.Error("the desk was asked")
	}
}

func TestANodeCannotSpeakForAnother(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{}, testOptions())
	s := dial(ctx, t, Join{Local: r.server, Hello: Hello{Name: "one"}})
	must(s.Report(ctx, lease.Report{Node: "two", Sequence: 1}))(t)
	if got := r.clerk.seen().reports[0].Node; got != "one" {
		t.Errorf("the report is of %q", got)
	}
}

func TestMessagesThatNobodySends(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	id := newID()
	nc := r.node(t, id)
	join := request{op: opJoin, parts: 1, body: []byte(`{"protocol":1,"proof":"` + prove(testToken, "node", id) + `"}`)}.encode()
	bodies := [][]byte{nil, {1}, []byte("x"), request{op: opReport, parts: 1}.encode(), request{op: opReport, parts: 1, body: []byte{1, 2, 3, 255}}.encode(),
		request{op: opReport, part: 3, parts: 9}.encode(), request{op: opFetch, parts: 1, body: fetch{thing: 9}.encode()}.encode(),
		request{op: opFetch, parts: 1, body: fetch{thing: thingWelcome, part: 77}.encode()}.encode(), request{op: 77, parts: 1}.encode(),
		request{op: opJoin, parts: 1, body: []byte("{")}.encode(), request{op: opReport, part: 0, parts: 2, body: make([]byte, pieceBytes+1)}.encode()}
	for range 2 {
		for _, b := range bodies {
			m := must(nc.RequestWithContext(ctx, r.queue.names.desk(id), b))(t)
			if a := must(decodeAnswer(m.Data))(t); a.status == statusOK {
				t.Errorf("%x was answered with %+v", b[:min(len(b), 40)], a)
			}
		}
		must(nc.RequestWithContext(ctx, r.queue.names.desk(id), join))(t)
	}
	s := dial(ctx, t, Join{Local: r.server})
	check(t, s.Leave(ctx, lease.Farewell{}))
}

func TestAFloodIsNotAnswered(t *testing.T) {
	now := time.Now()
	m := &member{seen: now, allowance: requestBurst}
	answered := func() (n int) {
		for m.allowed() {
			n++
		}
		return n
	}
	if n := answered(); n != requestBurst {
		t.Errorf("%d requests at once are answered", n)
	}
	m.alive(now.Add(time.Second))
	if n := answered(); n != requestRate {
		t.Errorf("%d requests a second are answered", n)
	}
	m.alive(now.Add(time.Hour))
	if n := answered(); n != requestBurst {
		t.Errorf("%d requests are answered after a while", n)
	}

	// One that is flooded serves the others.
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	id := newID()
	nc := r.node(t, id)
	must(nc.RequestWithContext(ctx, r.queue.names.desk(id), request{op: opJoin, parts: 1, body: []byte(`{"protocol":1,"proof":"` + prove(testToken, "node", id) + `"}`)}.encode()))(t)
	body := request{op: opReport, parts: 1, body: encodeReport(lease.Report{Sequence: 1})}.encode()
	for range 2 * requestBurst {
		check(t, nc.PublishRequest(r.queue.names.desk(id), inbox(id)+".flood", body))
	}
	check(t, nc.Flush())
	s := dial(ctx, t, Join{Local: r.server})
	must(s.Report(ctx, lease.Report{Sequence: 1}))(t)
	check(t, s.Leave(ctx, lease.Farewell{}))
}

func TestWhatIsLargerThanAMessageGoesInPieces(t *testing.T) {
	ctx := testContext(t)
	o := testOptions()
	o.Welcome = bytes.Repeat([]byte("welcome "), 300_000)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, o)
	s := dial(ctx, t, Join{Addresses: at(r.address())})
	if !bytes.Equal(s.Welcome(), o.Welcome) {
		t.Errorf("a welcome of %d bytes came as %d", len(o.Welcome), len(s.Welcome()))
	}
	opaque := bytes.Repeat([]byte("opaque"), 1<<20)
	l := lease.Lease{Generation: 1, ID: 1, Blocks: []backbones.Block{{Encoding: backbones.Opaque, Count: 2, Skip: 1, First: 5, Payload: opaque, Keys: []string{"a", "b"}, ContentKeys: []uint64{1, 2}}}}
	publish(ctx, t, r.queue, l)
	d := must(s.Pull(ctx, 1))(t)[0]
	if b := must(s.Claim(ctx, held(d)))(t)[0].Blocks[0]; !bytes.Equal(b.Payload, opaque) || b.Count != 2 || b.Skip != 1 || b.Keys[1] != "b" || b.ContentKeys[1] != 2 {
		t.Errorf("the block came as %d bytes, %+v", len(b.Payload), b.Keys)
	}
	p := lease.Progress{Held: held(d)}
	p.Outcomes.Failed = []backbones.FailedItem{{Number: 5, Failure: backbones.Failure{Kind: backbones.KindError, Traceback: strings.Repeat("trace ", 1<<19)}}}
	answer := must(s.Report(ctx, lease.Report{Sequence: 1, Leases: []lease.Progress{p}}))(t)
	if len(answer.Renewed) != 1 || len(r.clerk.seen().failed) != 1 || len(r.clerk.seen().failed[0].Failure.Traceback) != 6<<19 {
		t.Errorf("answer %+v", answer)
	}
	// So does an answer.
	ask := lease.Ask{Held: held(d)}
	for i := range 1 << 18 {
		ask.Items = append(ask.Items, backbones.Span{First: uint64(i) * 1000, Count: 1})
	}
	granted := must(s.Grant(ctx, ask))(t)
	if len(granted.Items) != len(ask.Items) || granted.Items[77777] != ask.Items[77777] {
		t.Errorf("%d of %d items were granted", len(granted.Items), len(ask.Items))
	}
}

func TestSixHundredNodesWait(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	const nodes = 600
	var sessions []*Session
	var ends []<-chan error
	for range nodes {
		s := dial(ctx, t, Join{Addresses: at(r.address())})
		sessions = append(sessions, s)
		ends = append(ends, worker(ctx, s, 1))
	}
	for {
		info := must(must(r.queue.js.Consumer(ctx, r.queue.names.stream, r.queue.names.consumer))(t), nil)(t).CachedInfo()
		if info.NumWaiting == nodes {
			break
		}
	}
	for _, s := range sessions {
		s.mu.Lock()
		hold := s.link.hold
		s.mu.Unlock()
		if !hold.IsZero() {
			t.Fatal("a node was turned away")
		}
	}
	all := testLeases(nodes, 1)
	publish(ctx, t, r.queue, all...)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == nodes })
	check(t, r.queue.End(ctx))
	for _, c := range ends {
		check(t, <-c)
	}
	r.clerk.wantOnce(t, all...)
}

func TestSecretsAndURLs(t *testing.T) {
	c := must(ParseCertificate(must(NewCertificate())(t)))(t)
	s := Secret{Token: NewToken(), Fingerprint: Fingerprint(c)}
	if got := must(ParseSecret(s.String() + "\n"))(t); got != s {
		t.Errorf("%+v became %+v", s, got)
	}
	for _, text := range []string{"", " \n", "short", "a token with spaces in it", s.Token + ".12", s.Token + "." + strings.Repeat("g", 64)} {
		if _, err := ParseSecret(text); err == nil || text != "" && strings.Contains(err.Error(), strings.TrimSpace(text)) && strings.TrimSpace(text) != "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"nats://h": "nats://h:4222", "h:1": "nats://h:1", "tls://h/": "tls://h:4222", "wss://h/nats": "wss://h/nats", "nats://u:p@h:1": "nats://u:p@h:1", "[::1]:5": "nats://[::1]:5",
	} {
		if got, token, err := ParseURL(text); err != nil || got != want || token != "" {
			t.Errorf("%s: %s, %q, %v", text, got, token, err)
		}
	}
	if got, token, err := ParseURL("nats://secret@h:1"); err != nil || got != "nats://h:1" || token != "secret" {
		t.Errorf("%s, %q, %v", got, token, err)
	}
	for _, text := range []string{"", "http://h", "nats://", "nats://secret@", "nats://h:1/x", "nats://h:1?x=y", "nats://secret@h:port"} {
		if _, _, err := ParseURL(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPublicURLs(t *testing.T) {
	for text, want := range map[string]string{
		"nats://u:p@h:1": "nats://h:1", "u:p@h:1": "h:1", "nats://u:p@@h": "nats://h", "tls://h:1": "tls://h:1", "h": "h",
	} {
		if got, secret := Public(text); got != want || secret != (got != text) {
			t.Errorf("%s: %s, %t", text, got, secret)
		}
	}
}

func TestASlowNodeDoesNotStopTheOthers(t *testing.T) {
	ctx := testContext(t)
	r := startRun(ctx, t, ServerOptions{Listen: "127.0.0.1:0"}, testOptions())
	// It asks for leases, and reads none.
	id := newID()
	conn := must(net.Dial("tcp", r.server.Address()))(t)
	defer conn.Close()
	hello := `CONNECT {"verbose":false,"pedantic":false,"user":"` + id + `","pass":"` + testToken + `","protocol":1,"headers":true,"no_responders":true}` + "\r\n"
	pull := "SUB " + inbox(id) + ".x 1\r\nPUB " + r.queue.names.next + " " + inbox(id) + ".x 15\r\n{\"batch\": 1000}\r\nPING\r\n"
	must(conn.Write([]byte(hello + pull)))(t)
	for {
		info := must(r.queue.js.Consumer(ctx, r.queue.names.stream, r.queue.names.consumer))(t).CachedInfo()
		if info.NumWaiting == 1 {
			break
		}
	}
	s := dial(ctx, t, Join{Addresses: at(r.address())})
	end := worker(ctx, s, 4)
	var all []lease.Lease
	for i := range 60 {
		l := testLease(lease.ID(i+1), 1)
		l.Blocks[0].Payload = append(l.Blocks[0].Payload, bytes.Repeat([]byte(" "), 1<<20)...)
		all = append(all, l)
	}
	publish(ctx, t, r.queue, all...)
	r.clerk.until(ctx, t, "leases end", func() bool { return r.clerk.ended == len(all) })
	check(t, r.queue.End(ctx))
	check(t, <-end)
	r.clerk.wantOnce(t, all...)
}
