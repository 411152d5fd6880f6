package cuda

import (
	"maps"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

// Collater is for tasks that decide how the arrays of their items become those of a batch. Without it they are laid out as by List.
type Collater interface {
	// Collate is called once in each process that loads, after Open.
	Collate() Collate
}

// Collate says how the arrays that Load made of a batch's N items become the Tensors of the batch.
type Collate = stage.Collate

// List lays the items' arrays out one after another, whatever their shapes: Packed.Shapes and Packed.Offsets say where each is.
func List() Collate { return Collate{} }

// Stack is List for arrays that must have one shape S: the field is an array of shape (N, *S). An item whose array has another shape than
// most of the batch fails.
func Stack() Collate { return Collate{Kind: stage.CollateStack} }

// Pad gives arrays that differ in their first dims dimensions one shape, the largest of the batch in each dimension, by appending elements of a
// value. The field is an array of shape (N, *max(S)). Behind the fields of Load, in their order, the batch has an int32 field for each
// padded one, with the true sizes: of shape (N) if dims is 1, else (N, dims). Its name is NAME_lengths. It is there in every batch,
// whatever the shapes. An item with other dimensions than most of the batch fails.
func Pad(value float64, dims int) Collate {
	return Collate{Kind: stage.CollatePad, Value: value, Dims: dims}
}

// ByName has a rule for arrays by their Name, and one for the rest. A name that Load does not give to any array fails the batch.
func ByName(rules map[string]Collate, rest Collate) Collate {
	return Collate{Kind: stage.CollateByName, Names: maps.Clone(rules), Rest: &rest}
}
