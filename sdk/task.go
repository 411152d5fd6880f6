package sdk

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	pb "github.com/kagurazaka/kagurazaka/proto/kagurazaka/v1"
)

// Task declares one task of a plugin. T is a struct: its exported fields are the task's arguments, described by kong's
// tags (fields that are none have the tag kong:"-", or are not exported). *T must have Process, or be a device task with the
// methods of sdk/cuda's Stages. It may have the other methods of this package's interfaces. T's hooks of kong (Validate, AfterApply) are called when arguments are parsed.
//
// A new T is made in each process, with its arguments filled, before Open. Describing a task makes an empty T and calls
// nothing of it.
type Task[T any] struct {
	// Name is what the user writes behind the plugin's path. Empty: T's name.
	Name string
	// Summary is one line, without a full stop.
	Summary string
	// Description is further help, in paragraphs.
	Description string
	// Template is nil for a task that lists and checks its items by itself.
	Template *Template
}

// Definition is what Serve takes: a Task.
type Definition interface {
	define() (*definition, error)
}

// definition is a Task without its type.
type definition struct {
	name, summary, description string
	template                   *pb.Template
	make                       func() any
	lister, checker            bool
	// device says that it is a device task, in stages.
	device bool
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
		return nil, fmt.Errorf("task %s: its type %s is not a struct, and a task's arguments are a struct's fields", d.name, typ)
	}
	v := any(new(T))
	if d.device = isDeviceTask(v); !d.device {
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
	if t.Template != nil && t.Template.Input == nil && !d.lister || t.Template == nil && !d.lister {
		return nil, fmt.Errorf("task %s has no items: give it a template with an Input, or *%s a method List", d.name, typ)
	}
	return d, nil
}

// Processor is what every task implements.
type Processor interface {
	// Process works on one item. An error or a panic is this item's failure, recorded with its stack; the run goes on.
	// ctx ends when the host has gone. It carries Log.
	Process(ctx context.Context, item Item) error
}

// Lister is implemented by tasks that make their own items.
type Lister interface {
	// List yields every item: a struct or map that encodes to a JSON object, or its JSON text as RawItem,
	// json.RawMessage or []byte (which may be used again when yield has returned). It runs in one process, which has the user's stdin, and must yield the same items in
	// the same order every time, or shards and resumed runs will not fit. yield may be called by several goroutines.
	// When yield returns an error, List should return it.
	List(ctx context.Context, yield func(item any) error) error
}

// Checker is implemented by tasks that know by themselves whether an item is finished.
type Checker interface {
	// IsExecuted is asked before Process. Its item has the outputs' final paths.
	IsExecuted(ctx context.Context, item Item) (bool, error)
}

// Opener is implemented by tasks that prepare something once per process: a model, a pool of buffers.
type Opener interface {
	// Open is called once, after the arguments were parsed and before any other call. ctx ends with the process.
	Open(ctx context.Context, env Env) error
}

// Closer is implemented by tasks that have something to finish.
type Closer interface {
	// Close is called once, after the last item of this process. It is not called in a process that was killed. An error or
	// a panic is the run's failure, which then ends with exit code 1 although its items are done. It may take as long as
	// the host's --close-timeout, after which the process is ended and the run has failed.
	Close() error
}

// Stage is what a process was started for.
type Stage string

// The stages.
const (
	// StageList processes list items.
	StageList Stage = "list"
	// StageRun processes work on them.
	StageRun Stage = "run"
	// StageLoad, StageDevice and StageFinish processes serve device tasks: see sdk/cuda.
	StageLoad   Stage = "load"
	StageDevice Stage = "device"
	StageFinish Stage = "finish"
)

// Env is what a task learns of its process and its run.
type Env struct {
	Stage Stage
	// WorkerIndex is this process's number, from 0 to Workers-1. A replacement of a dead worker has its number.
	WorkerIndex int
	Workers     int
	// Device is "cuda:0", say, or "cpu" in StageDevice processes, and empty for normal tasks.
	Device string
	// InputPath and OutputPath are the folders of the hard shard; empty without a template. Items carry their own
	// paths: this is for what lies beside them.
	InputPath, OutputPath string
	// Template is the resolved template by its fields' names, as JSON-like values; a mode is a map of its fields. nil
	// without a template.
	Template map[string]any
}
