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
	"strconv"
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

// triplet is the triplet of a template for a path in the root of its shard.
func triplet(path string) sdk.FileTriplet {
	return sdk.FileTriplet{Path: path, RelDir: ".", FileName: filepath.Base(path)}
}

// resolve sets the placeholders of a template. Those that mixin does not have become null.
func resolve(t *pb.Template, mixin map[string]any) error {
	if t == nil && len(mixin) > 0 {
		return errors.New("a mixin for a task without a template")
	}
	unused := maps.Clone(mixin)
	if err := resolveFields(t.GetFields(), "", unused); err != nil {
		return err
	}
	if len(unused) > 0 {
		return fmt.Errorf("the template has no %s", strings.Join(slices.Sorted(maps.Keys(unused)), ", "))
	}
	return nil
}

// resolveFields takes the values that it uses out of mixin.
func resolveFields(fields []*pb.Field, prefix string, mixin map[string]any) error {
	for _, f := range fields {
		n, path := f.GetValue(), prefix+f.GetName()
		if value, ok := mixin[path]; ok {
			delete(mixin, path)
			text, err := json.Marshal(value)
			if err != nil {
				return err
			}
			n.Kind = &pb.Node_Json{Json: string(text)}
			continue
		}
		var inner []*pb.Field
		switch k := n.GetKind().(type) {
		case *pb.Node_Placeholder:
			n.Kind = &pb.Node_Json{Json: "null"}
		case *pb.Node_Mode:
			inner = k.Mode.GetFields()
		case *pb.Node_Map:
			inner = k.Map.GetFields()
		case *pb.Node_List:
			for i, e := range k.List.GetNodes() {
				inner = append(inner, &pb.Field{Name: strconv.Itoa(i), Value: e})
			}
		}
		if err := resolveFields(inner, path+".", mixin); err != nil {
			return err
		}
	}
	return nil
}
