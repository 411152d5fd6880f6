package progress

import (
	"encoding/json"
	"io"
	"time"
)

// JSON prints one JSON object a line. Each has a message_type; the first one is the beginning, the last one the summary. docs/reference/json-output.schema.json has all of them.
type JSON struct {
	Out   io.Writer
	Every time.Duration
	// Err gets what the user at the keyboard has to know at once; nil: nothing does.
	Err io.Writer
}

// jsonFormat is the version of the objects. It grows when a field goes or changes its meaning, not when one is added.
const jsonFormat = 1

type jsonBeginning struct {
	MessageType string `json:"message_type"`
	Format      int    `json:"format"`
	Beginning
}

type jsonStatus struct {
	MessageType string `json:"message_type"`
	Snapshot
	Stages *jsonStages `json:"stages,omitempty"`
}

type jsonSummary struct {
	MessageType string `json:"message_type"`
	Summary
	Unwritten int         `json:"unwritten,omitempty"`
	Stages    *jsonStages `json:"stages,omitempty"`
	// Steady is the rate from the first finished batch to the last.
	Steady float64 `json:"steady_items_per_second,omitempty"`
}

type jsonExit struct {
	MessageType string `json:"message_type"`
	Code        int    `json:"code"`
	Message     string `json:"message"`
}

// Interval implements Printer.
func (j *JSON) Interval() time.Duration { return j.Every }

// Begin implements Printer.
func (j *JSON) Begin(b Beginning) { j.print(jsonBeginning{"begin", jsonFormat, b}) }

// Update implements Printer.
func (j *JSON) Update(s Snapshot) {
	j.print(jsonStatus{"status", s, s.Stages.json()})
}

// Finish implements Printer.
func (j *JSON) Finish(s Summary) {
	summary := jsonSummary{MessageType: "summary", Summary: s, Unwritten: s.Unwritten.Count, Stages: s.Stages.json()}
	if s.Stages != nil {
		summary.Steady = s.Stages.Steady
	}
	j.print(summary)
}

// PrintExit prints the object of a host that ends before a summary.
func PrintExit(out io.Writer, code int, message string) {
	(&JSON{Out: out}).print(jsonExit{"exit_error", code, message})
}

func (j *JSON) print(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	_, _ = j.Out.Write(append(data, '\n'))
}
