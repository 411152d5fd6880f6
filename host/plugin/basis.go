package plugin

import pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"

// Validity is how long a description holds.
type Validity int

// The validities.
const (
	// Unsaid: the plugin does not say.
	Unsaid Validity = iota
	// Recorded: until the plugin's files, a source or an input changes.
	Recorded
	// Once: it may come out differently without a change that can be seen.
	Once
)

// Basis is what a description was made from.
type Basis struct {
	Validity Validity
	// OnceBecause is the reason for Once.
	OnceBecause string
	// Sources are the plugin's code beside its own files.
	Sources []string
	Inputs  []Input
}

// InputKind is a kind of Input. Its values are the protocol's.
type InputKind int

// The kinds of inputs; see docs/protocol.md for their states.
const (
	VariableInput InputKind = InputKind(pb.InputKind_INPUT_KIND_VARIABLE)
	FileInput     InputKind = InputKind(pb.InputKind_INPUT_KIND_FILE)
	PresenceInput InputKind = InputKind(pb.InputKind_INPUT_KIND_PRESENCE)
	FolderInput   InputKind = InputKind(pb.InputKind_INPUT_KIND_FOLDER)
	RealPathInput InputKind = InputKind(pb.InputKind_INPUT_KIND_REAL_PATH)
)

// Input is something outside of the plugin that its description was made from.
type Input struct {
	Kind InputKind `json:"kind"`
	// Name is a variable's name, or a path that may be relative to the working folder; empty: that folder.
	Name string `json:"name"`
	// State is what it was then.
	State string `json:"state"`
}

func basisOf(resp *pb.DescribeResponse) Basis {
	b := Basis{Sources: resp.GetSources(), OnceBecause: resp.GetOnceBecause()}
	switch resp.GetValidity() {
	case pb.Validity_VALIDITY_UNSPECIFIED:
	case pb.Validity_VALIDITY_RECORDED:
		b.Validity = Recorded
	default:
		b.Validity = Once
	}
	for _, in := range resp.GetInputs() {
		b.Inputs = append(b.Inputs, Input{Kind: InputKind(in.GetKind()), Name: in.GetName(), State: in.GetState()})
	}
	return b
}
