package meta

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// xmpNamespace is the namespace of TIFF properties in XMP.
const xmpNamespace = "http://ns.adobe.com/tiff/1.0/"

// fromXMP finds the orientation in a packet of XMP, as an attribute or as an element. It returns 0 for none.
func fromXMP(packet []byte) Orientation {
	if !bytes.Contains(packet, []byte("Orientation")) {
		return 0 // as in most packets
	}
	ours := func(n xml.Name) bool { return n.Local == "Orientation" && n.Space == xmpNamespace }
	d := xml.NewDecoder(bytes.NewReader(packet))
	d.Strict = false
	// Packets are Unicode, and the orientation is ASCII.
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
	n, _ := strconv.ParseUint(strings.TrimSpace(text), 10, 8)
	return valid(n)
}
