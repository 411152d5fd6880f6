package terminal

import (
	"regexp"
	"strings"
)

// secretMark is shown in place of a secret.
const secretMark = "***"

// secretWords are words of names that tell of a secret. The Python SDK has the same list, for the variables in tracebacks.
const secretWords = "pass|passwd|password|passwords|passphrase|passcode|pwd|pw|secret|secrets|token|tokens|key|keys|apikey|cred|creds|credential|" +
	"credentials|auth|authorization|authentication|bearer|cookie|cookies|jwt|signature|dsn"

var (
	secretName = regexp.MustCompile(`(?:^|[^a-z])(?:` + secretWords + `)(?:[^a-z]|$)`)
	humps      = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
	// named is what stands before the value in NAME=VALUE, NAME: VALUE and "NAME": VALUE. namedValue is the value.
	named      = regexp.MustCompile(`(\b[A-Za-z_][\w-]*)\\?["']?\s*[=:]\s*`)
	namedValue = regexp.MustCompile(`^(?:"[^"]*"?|'[^']*'?|(?:Bearer|Basic|Token)\s+\S+|[^\s,;&)}\]"']+)`)
	// inAddress is the password in scheme://user:password@host.
	inAddress = regexp.MustCompile(`(://[^/\s:@]*:)[^/\s@]+@`)
)

// IsSecret reports whether what has a name may be a secret. api_key, apiKey and API-KEY are the same.
func IsSecret(name string) bool {
	return secretName.MatchString(strings.ToLower(humps.ReplaceAllString(name, "${1}${3}_${2}${4}")))
}

// Masked returns the value of a name without secrets: those that its name tells of, those of names in it, and passwords in addresses.
func Masked(name, value string) string {
	if IsSecret(name) {
		return secretMark
	}
	value = inAddress.ReplaceAllString(value, "${1}"+secretMark+"@")
	var masked strings.Builder
	end := 0
	// A value may have names of its own, as an address has in its query. So it is passed over only if it is a secret.
	for _, at := range named.FindAllStringSubmatchIndex(value, -1) {
		if at[0] < end || !IsSecret(value[at[2]:at[3]]) {
			continue
		}
		if secret := namedValue.FindString(value[at[1]:]); secret != "" {
			masked.WriteString(value[end:at[1]] + secretMark)
			end = at[1] + len(secret)
		}
	}
	return masked.String() + value[end:]
}
