package progress

import (
	"encoding/json"
	"fmt"

	"github.com/kagurazaka/kagurazaka/host/terminal"
)

type jsonFailure struct {
	MessageType string `json:"message_type"`
	// Item is the item if it is JSON, else its printable form as a string.
	Item json.RawMessage `json:"item"`
	Failure
}

// GroupJSON is a group of failed items as JSON has it.
type GroupJSON struct {
	*Group
	// Item, Path and Traceback are those of the first item.
	Item      json.RawMessage `json:"item"`
	Path      string          `json:"path,omitempty"`
	Traceback string          `json:"traceback,omitempty"`
}

// JSON is the group as JSON has it.
func (g *Group) JSON() GroupJSON {
	return GroupJSON{g, jsonItem(g.Example.Item), g.Example.Path, g.Example.Traceback}
}

type jsonGroup struct {
	MessageType string `json:"message_type"`
	GroupJSON
}

type jsonAlike struct {
	MessageType string `json:"message_type"`
	Message     string `json:"message"`
	Alike
}

// jsonItem is an item if it is JSON, else its printable form as a string.
func jsonItem(item string) json.RawMessage {
	text := terminal.JSON([]byte(item))
	if !json.Valid(text) {
		text, _ = json.Marshal(item)
	}
	return text
}

// Failed implements FailurePrinter.
func (j *JSON) Failed(f Failure, _ *Group) { j.print(jsonFailure{"failed", jsonItem(f.Item), f}) }

// More implements FailurePrinter: each failed item has an object.
func (j *JSON) More(*Groups, float64) {}

// Groups implements FailurePrinter.
func (j *JSON) Groups(groups *Groups) {
	for _, g := range groups.Sorted() {
		j.print(jsonGroup{"failed_group", g.JSON()})
	}
}

// Alike implements FailurePrinter.
func (j *JSON) Alike(a Alike) {
	j.print(jsonAlike{"warning", a.String(), a})
	j.say("warning: " + a.String())
}

func (j *JSON) say(text string) {
	if j.Err != nil {
		fmt.Fprintln(j.Err, text)
	}
}
