// Package count writes numbers of things in messages: 1 item, 2 items.
package count

import "fmt"

// Integer is any type of number that counts something.
type Integer interface {
	~int | ~int32 | ~int64 | ~uint | ~uint32 | ~uint64
}

// Of is the number and the words behind it: one where n is 1, otherwise many, which is one with an s where it is left out.
func Of[T Integer](n T, one string, many ...string) string {
	words := one
	if n != 1 {
		words += "s"
		if len(many) > 0 {
			words = many[0]
		}
	}
	return fmt.Sprintf("%d %s", n, words)
}
