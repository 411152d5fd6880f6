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
		{"url", "https://h/x?token=abc", "https://h/x?token=***"},
		{"url", "https://h/x?api_key=abc&a=1", "https://h/x?api_key=***&a=1"},
		{"url", "https://h/x?a=1&api_key=abc#access_token=d", "https://h/x?a=1&api_key=***"},
		{"url", "https://h/x#access_token=abc", "https://h/x#access_token=***"},
		{"url", "https://h/x?page=2&size=3", "https://h/x?page=2&size=3"},
		{"words", "url=https://u:p@h/x?token=abc,size=1", "url=https://u:***@h/x?token=***,size=1"},
		{"words", `{"url": "https://h/x?token=abc", "size": 3}`, `{"url": "https://h/x?token=***", "size": 3}`},
		{"headers", "header: token: abc", "header: token: ***"},
		{"headers", "Authorization: Bearer token=abc x", "Authorization: *** x"},
		{"empty", "https://h/x?token=&a=1", "https://h/x?token=&a=1"},
	} {
		if got := Masked(c.name, c.value); got != c.want {
			t.Errorf("Masked(%q, %q) = %q, want %q", c.name, c.value, got, c.want)
		}
	}
}
