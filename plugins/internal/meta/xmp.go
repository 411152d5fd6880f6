package meta

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// xmpNamespace is that of the properties which XMP takes from TIFF.
const xmpNamespace = "http://ns.adobe.com/tiff/1.0/"

// fromXMP finds the orientation in a packet of XMP, as an attribute or as an element; 0 for none that makes sense.
func fromXMP(packet []byte) Orientation {
	// Most packets have none, and need not be taken apart.
	if !bytes.Contains(packet, []byte("Orientation")) {
		return 0
	}
	ours := func(n xml.Name) bool { return n.Local == "Orientation" && n.Space == xmpNamespace }
	d := xml.NewDecoder(bytes.NewReader(packet))
	d.Strict = false
	// Packets name no other encoding than those of Unicode, and what is read here is ASCII.
	d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	inside := false
	for {
		token, err := d.Token()
		if err != nil {
			return 0
		}
		switch t := token.(type) {
		case xml.StartElement:
			inside = ours(t.Name)
			for _, a := range t.Attr {
				if ours(a.Name) {
					return sensible(a.Value)
				}
			}
		case xml.CharData:
			if inside {
				return sensible(string(t))
			}
		case xml.EndElement:
			inside = false
		}
	}
}

func sensible(text string) Orientation {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > 8 {
		return 0
	}
	return Orientation(n)
}
