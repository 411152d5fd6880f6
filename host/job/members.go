package job

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"github.com/kagurazaka/kagurazaka/backbones"
	"github.com/kagurazaka/kagurazaka/host/exitcode"
	"github.com/kagurazaka/kagurazaka/host/schema"
	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/wire"
)

// unpacks reports whether the inputs may be members of archives, and the plugin cannot read these itself.
func (p *Place) unpacks() bool {
	return p.native() && p.template.HasMembers() && !p.spec.can(wire.Members)
}

// checkMembers refuses what unpacking does not give a plugin.
func (p *Place) checkMembers() error {
	switch {
	case !p.unpacks():
		return nil
	case p.spec.Task.Kind == schema.Device:
		return exitcode.Usagef("%s: the plugin cannot read members of archives (InputByTar), and they are not unpacked for device tasks; hint: build it with an SDK of this version", p.spec.Plugin.Name)
	case p.template.WantsBytes():
		return exitcode.Usagef("%s: the plugin cannot read members of archives as bytes; hint: --mixin input_mode.members=paths unpacks them, or build it with an SDK of this version", p.spec.Plugin.Name)
	}
	return nil
}

// unpackedItems is the size of a chunk whose members are unpacked: all of it lies in files at once.
const unpackedItems = 16

// chunkSize is the number of items in a chunk; 0: the backbone decides.
func (l Local) chunkSize() int {
	if l.spec.ChunkSize == 0 && l.unpacks() {
		return unpackedItems
	}
	return l.spec.ChunkSize
}

// unpacked returns the worker of a plugin that cannot read members of archives as one that finds them as files.
func (p *Place) unpacked(w backbones.Worker, err error) (backbones.Worker, error) {
	if err != nil || !p.unpacks() {
		return w, err
	}
	u := &unpacker{Worker: w, reader: members.NewUnpacker(p.RuntimeDir), results: make(chan backbones.Result, backbones.MaxInFlight)}
	go u.answer()
	return u, nil
}

// unpacker writes the members of a chunk's items to files before it sends the chunk, and removes them with the answer.
type unpacker struct {
	backbones.Worker
	reader  *members.Reader
	results chan backbones.Result

	mu sync.Mutex
	// sent are the chunks without an answer, in their order.
	sent []unpackedChunk
}

type unpackedChunk struct {
	release []func()
	// failures are the items whose members could not be unpacked.
	failures []backbones.ItemFailure
}

// PID is that of the worker's process; 0: it is not on this machine.
func (u *unpacker) PID() int {
	if local, ok := u.Worker.(interface{ PID() int }); ok {
		return local.PID()
	}
	return 0
}

// Send is that of backbones.Process.
func (u *unpacker) Send(c backbones.Chunk) error {
	var chunk unpackedChunk
	parts := make([]backbones.Part, len(c.Parts))
	index := 0
	for i, part := range c.Parts {
		parts[i] = part
		if part.Block.Encoding != backbones.JSONLines {
			index += part.Take
			continue
		}
		lines := bytes.Split(part.Block.Payload, []byte("\n"))[part.Skip : part.Skip+part.Take]
		for j, line := range lines {
			changed, release, err := u.reader.Files(line)
			if err != nil {
				chunk.failures = append(chunk.failures, backbones.ItemFailure{Index: index + j, Failure: backbones.Failure{
					Kind: backbones.KindError, Message: err.Error(), Fault: backbones.FaultEnvironment,
				}})
				continue
			}
			lines[j], chunk.release = changed, append(chunk.release, release)
		}
		index += part.Take
		block := backbones.Block{Encoding: backbones.JSONLines, Count: part.Take, First: part.Block.First + uint64(part.Skip), Payload: bytes.Join(lines, []byte("\n"))}
		parts[i] = backbones.Part{Block: block, Take: part.Take}
	}
	u.mu.Lock()
	u.sent = append(u.sent, chunk)
	u.mu.Unlock()
	c.Parts = parts
	return u.Worker.Send(c)
}

// Results is that of backbones.Process.
func (u *unpacker) Results() <-chan backbones.Result { return u.results }

// answer passes on the answers. The channel has room for those of all chunks in flight.
func (u *unpacker) answer() {
	for r := range u.Worker.Results() {
		u.mu.Lock()
		chunk := u.sent[0]
		u.sent = u.sent[1:]
		u.mu.Unlock()
		chunk.free()
		for _, f := range chunk.failures {
			r.Failures = slices.DeleteFunc(r.Failures, func(other backbones.ItemFailure) bool { return other.Index == f.Index })
		}
		r.Failures = append(r.Failures, chunk.failures...)
		slices.SortFunc(r.Failures, func(a, b backbones.ItemFailure) int { return cmp.Compare(a.Index, b.Index) })
		u.results <- r
	}
	u.mu.Lock()
	for _, chunk := range u.sent {
		chunk.free()
	}
	u.mu.Unlock()
	// What is left lies in the folder of the run, which is removed.
	_ = u.reader.Close()
	close(u.results)
}

func (c unpackedChunk) free() {
	for _, release := range c.release {
		release()
	}
}
