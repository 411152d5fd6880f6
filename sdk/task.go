package sdk

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Task declares one task of a plugin. T is a struct. Its exported fields are the task's arguments, described by kong's
// tags; the tag kong:"-" excludes a field. *T must have the method Process, or those of sdk/cuda's Stages for a device
// task. It may have the methods of this package's other interfaces, and kong's hooks (Validate, AfterApply), which run
// when arguments are parsed.
//
// Each process makes a new T, with its arguments set, before Open. Describing a task makes an empty T and calls none of
// its methods.
type Task[T any] struct {
	// Name is the task's name on the command line. Default: T's name.
	Name string
	// Summary is one line, without a full stop.
	Summary string
	// Description is further help, in paragraphs.
	Description string
	// Template is nil for a task that lists and checks its items itself.
	Template *Template
}

// Definition is a Task, as Serve takes it.
type Definition interface {
	define() (*definition, error)
}

// definition is a Task without its type parameter.
type definition struct {
	name, summary, description string
	template                   *pb.Template
	make                       func() any
	lister, checker, device    bool
}

func (t Task[T]) define() (*definition, error) {
	typ := reflect.TypeFor[T]()
	d := &definition{
		name: t.Name, summary: strings.TrimRight(t.Summary, "."), description: t.Description,
		make: func() any { return new(T) },
	}
	if d.name == "" {
		d.name = typ.Name()
	}
	if d.name == "" || strings.HasPrefix(d.name, "-") || strings.ContainsAny(d.name, " \t\r\n") {
		return nil, fmt.Errorf("a task of type %s needs a name without spaces that does not begin with a hyphen", typ)
	}
	if typ.Kind() != reflect.Struct {
		return nil, fmt.Errorf("task %s: its type %s must be a struct, whose fields are the arguments", d.name, typ)
	}
	v := any(new(T))
	if _, d.device = v.(stages); d.device {
		if err := wrongCollate(v); err != nil {
			return nil, fmt.Errorf("task %s: %w", d.name, err)
		}
	} else {
		if err := halfDeviceTask(v); err != nil {
			return nil, fmt.Errorf("task %s: %w", d.name, err)
		}
		if _, ok := v.(Processor); !ok {
			return nil, fmt.Errorf("task %s: *%s has no method Process(context.Context, sdk.Item) error", d.name, typ)
		}
	}
	_, d.lister = v.(Lister)
	_, d.checker = v.(Checker)
	var err error
	if d.template, err = t.Template.message(); err != nil {
		return nil, fmt.Errorf("task %s: %w", d.name, err)
	}
	if err := d.batching(t.Template); err != nil {
		return nil, fmt.Errorf("task %s: %w", d.name, err)
	}
	if !d.lister && (t.Template == nil || t.Template.Input == nil) {
		return nil, fmt.Errorf("task %s has no items: give it a template with an Input, or *%s a method List", d.name, typ)
	}
	return d, nil
}

// Processor is the interface of every task that is not a device task.
type Processor interface {
	// Process works on one item. After an error or a panic the item has failed, and the run continues with others. ctx
	// ends when the host is gone. Log(ctx) names the item.
	Process(ctx context.Context, item Item) error
}

// Lister is for tasks that list their own items.
type Lister interface {
	// List yields every item: a struct or map that encodes to a JSON object, or its JSON text as RawItem, *RawItem (the
	// fastest), json.RawMessage or []byte, which List may reuse when yield has returned. List runs in one process, which has the user's stdin. It
	// must yield the same items in the same order every time: shards and resumed runs depend on it. Several goroutines may
	// call yield. When yield returns an error, List should return it.
	List(ctx context.Context, yield func(item any) error) error
}

// Checker is for tasks that know which items are finished.
type Checker interface {
	// IsExecuted is called before Process. The paths of the item's outputs are the final ones.
	IsExecuted(ctx context.Context, item Item) (bool, error)
}

// Opener is for tasks that prepare something once per process: a model, a pool of buffers.
type Opener interface {
	// Open is called once, with the arguments set, before any other method. ctx ends with the process.
	Open(ctx context.Context, env Env) error
}

// Closer is for tasks that have something to do at the end of a process.
type Closer interface {
	// Close is called once, after the last item of this process, unless the process is killed. After an error or a panic
	// the run fails with exit code 1, although its items are done. The host's --close-timeout limits its time: then the
	// host kills the process, and the run fails.
	Close() error
}

// Stage is the purpose of a process.
type Stage string

// The stages. Load, device and finish are those of device tasks: see sdk/cuda.
const (
	StageList   Stage = "list"
	StageRun    Stage = "run"
	StageLoad   Stage = "load"
	StageDevice Stage = "device"
	StageFinish Stage = "finish"
)

// Env describes the process and the run to a task.
type Env struct {
	Stage Stage
	// WorkerIndex is this process's number, from 0 to Workers-1. A process that replaces a dead one has its number.
	WorkerIndex int
	Workers     int
	// Device is the device of a StageDevice process, "cuda:0" or "cpu" for example. It is empty in others.
	Device string
	// InputPath and OutputPath are the folders of the hard shard, empty without a template. Of several input folders it is the first. Items
	// have their own paths.
	InputPath, OutputPath string
	// Template is the resolved template: JSON-like values by field name. A mode is a map of its fields. nil: no template.
	Template map[string]any
}
