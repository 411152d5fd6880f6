package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
	"github.com/kagurazaka/kagurazaka/sdk"
)

func list(t testing.TB, task sdk.Definition, args []string, s *setup) ([][]byte, error) {
	t.Helper()
	p := start(t, task)
	defer p.stop()
	if err := p.open(pb.Stage_STAGE_LIST, args, s); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := p.client.List(ctx, &pb.ListRequest{})
	if err != nil {
		return nil, err
	}
	var items [][]byte
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		switch m := resp.GetMessage().(type) {
		case *pb.ListResponse_Block:
			items = append(items, bytes.Split(m.Block.GetPayload(), []byte{'\n'})...)
		case *pb.ListResponse_Error:
			return items, failure(m.Error)
		}
	}
}

// triplet is what a template makes of a path that lies in the root of its shard.
func triplet(path string) sdk.FileTriplet {
	return sdk.FileTriplet{Path: path, RelDir: ".", FileName: filepath.Base(path)}
}

// resolve fills the placeholders of a described template.
func resolve(t *pb.Template, mixin map[string]any) (*pb.Template, error) {
	if t == nil {
		if len(mixin) > 0 {
			return nil, errors.New("a mixin for a task without a template")
		}
		return nil, nil
	}
	unused := maps.Clone(mixin)
	fields, err := resolveFields(t.GetFields(), "", mixin, unused)
	if err != nil {
		return nil, err
	}
	if len(unused) > 0 {
		return nil, fmt.Errorf("the template has no %s", strings.Join(slices.Sorted(maps.Keys(unused)), ", "))
	}
	return &pb.Template{Fields: fields}, nil
}

func resolveFields(fields []*pb.Field, path string, mixin, unused map[string]any) ([]*pb.Field, error) {
	out := make([]*pb.Field, len(fields))
	for i, f := range fields {
		v, err := resolveNode(f.GetValue(), strings.TrimPrefix(path+"."+f.GetName(), "."), mixin, unused)
		if err != nil {
			return nil, err
		}
		out[i] = &pb.Field{Name: f.GetName(), Value: v}
	}
	return out, nil
}

func resolveNode(n *pb.Node, path string, mixin, unused map[string]any) (*pb.Node, error) {
	if value, ok := mixin[path]; ok {
		delete(unused, path)
		text, err := json.Marshal(value)
		return &pb.Node{Kind: &pb.Node_Json{Json: string(text)}}, err
	}
	switch k := n.GetKind().(type) {
	case *pb.Node_Placeholder:
		return &pb.Node{Kind: &pb.Node_Json{Json: "null"}}, nil
	case *pb.Node_Mode:
		fields, err := resolveFields(k.Mode.GetFields(), path, mixin, unused)
		return &pb.Node{Kind: &pb.Node_Mode{Mode: &pb.Mode{Name: k.Mode.GetName(), Fields: fields}}}, err
	case *pb.Node_Map:
		fields, err := resolveFields(k.Map.GetFields(), path, mixin, unused)
		return &pb.Node{Kind: &pb.Node_Map{Map: &pb.NodeMap{Fields: fields}}}, err
	case *pb.Node_List:
		list := &pb.NodeList{}
		for i, e := range k.List.GetNodes() {
			v, err := resolveNode(e, fmt.Sprintf("%s.%d", path, i), mixin, unused)
			if err != nil {
				return nil, err
			}
			list.Nodes = append(list.Nodes, v)
		}
		return &pb.Node{Kind: &pb.Node_List{List: list}}, nil
	default:
		return n, nil
	}
}
