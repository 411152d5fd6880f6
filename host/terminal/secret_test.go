package terminal

import "testing"

func TestMasked(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"size", "5", "5"},
		{"token", "x", "***"},
		{"apiKey", "x", "***"},
		{"DB_PASS", "x", "***"},
		{"hf-token", "x", "***"},
		{"HTTPAuth", "x", "***"},
		{"keyboard", "x", "x"},
		{"tokenizer", "x", "x"},
		{"path", "s3://user:pw@host/a", "s3://user:***@host/a"},
		{"extra", "a=1 api_key=xyz, b=2", "a=1 api_key=***, b=2"},
		{"env", "HF_TOKEN=abc", "HF_TOKEN=***"},
		{"config", `{"password": "a b", "size": 3}`, `{"password": ***, "size": 3}`},
	} {
		if got := Masked(c.name, c.value); got != c.want {
			t.Errorf("Masked(%q, %q) = %q, want %q", c.name, c.value, got, c.want)
		}
	}
}
