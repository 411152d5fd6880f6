package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// plainFields turns a resolved template into JSON-like values. Numbers are json.Number, which keeps all digits.
func plainFields(fields []*pb.Field) (map[string]any, error) {
	m := make(map[string]any, len(fields))
	for _, f := range fields {
		v, err := plainNode(f.GetValue())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.GetName(), err)
		}
		m[f.GetName()] = v
	}
	return m, nil
}

func plainNode(n *pb.Node) (any, error) {
	switch k := n.GetKind().(type) {
	case nil:
		return nil, nil
	case *pb.Node_Mode:
		return plainFields(k.Mode.GetFields())
	case *pb.Node_Map:
		return plainFields(k.Map.GetFields())
	case *pb.Node_List:
		list := make([]any, len(k.List.GetNodes()))
		for i, e := range k.List.GetNodes() {
			v, err := plainNode(e)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			list[i] = v
		}
		return list, nil
	case *pb.Node_Json:
		d := json.NewDecoder(bytes.NewReader([]byte(k.Json)))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%q is not JSON: %w", k.Json, err)
		}
		return v, nil
	default:
		return nil, errors.New("the host left a placeholder without a value")
	}
}
