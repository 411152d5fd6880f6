package sdk

import (
	"fmt"
	"os"
	"slices"

	"github.com/kagurazaka/kagurazaka/internal/members"
	"github.com/kagurazaka/kagurazaka/internal/wire"
	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// InputByTar takes the samples of the tar archives that match a pattern, relative to the input folder: adjacent members whose names are
// alike up to the first dot. keys is what files is for InputByGroup, with extensions that are all that follows that dot: "jpg", "seg.png".
// A sample without a member of required is no item; without required, all ids are. A single argument may be a list. With "paths" for
// members, Item.InputOf(id) is a file that only memory holds, while Process or Load runs. With "bytes" no files are made, and
// Item.Bytes(id) reads the member from the archive, as it does with "paths", too.
func InputByTar(glob, keys, members any, required ...any) Mode {
	return builtinMode("InputByTar", modeField{"glob", glob}, modeField{"keys", keys}, requiredField(required), modeField{"members", members})
}

// Bytes returns the content of the field "input_ID", or with an empty id of "input". It reads members of tar archives (InputByTar)
// from the archive, and other inputs from their file. It works while Process or Load runs.
func (it Item) Bytes(id string) ([]byte, error) {
	name := "input"
	if id != "" {
		name += "_" + id
	}
	file := it.triplet(name)
	if file.Path == "" {
		return nil, fmt.Errorf("the item has no file %s", name)
	}
	if it.members == nil {
		return os.ReadFile(file.Path)
	}
	place, err := members.Of(it.raw)
	if err != nil {
		return nil, err
	}
	if place == nil {
		return os.ReadFile(file.Path)
	}
	// "input" is one of the others, too.
	i := slices.IndexFunc(place.Parts, func(p members.Part) bool { return p.Field == name || id == "" && it.triplet(p.Field).Path == file.Path })
	if i < 0 {
		return nil, fmt.Errorf("the item's %s do not have %s", members.Field, name)
	}
	return it.members.Read(place.Tar, place.Parts[i])
}

// readMembers prepares for items whose inputs are members of tar archives, if the host says that the run has such items.
func (in *instance) readMembers(req *pb.OpenRequest) {
	if slices.Contains(req.GetCapabilities(), wire.Members) {
		in.members = members.NewReader(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"))
	}
}

// withFiles makes the files of an item whose inputs are members of tar archives. release removes them.
func (in *instance) withFiles(item Item) (_ Item, release func(), err error) {
	if in.members == nil {
		return item, func() {}, nil
	}
	item.members = in.members
	item.raw, release, err = in.members.Files(item.raw)
	return item, release, err
}
