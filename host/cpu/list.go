package cpu

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxNumber is the highest number of a CPU: the kernel's masks have no more bits.
const maxNumber = 1023

// ParseList reads a list of CPUs as taskset and the kernel write it: 0-3,8-15:2. The numbers are in the order of the text.
func ParseList(text string) (numbers []int, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("a list of CPUs is empty")
	}
	for part := range strings.SplitSeq(text, ",") {
		some, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, some...)
	}
	return numbers, nil
}

// parseRange reads N, FIRST-LAST or FIRST-LAST:STEP.
func parseRange(text string) (numbers []int, err error) {
	ends, step, stepped := strings.Cut(text, ":")
	first, last, isRange := strings.Cut(ends, "-")
	wrong := fmt.Errorf("%q must be a CPU's number, or a range such as 0-3 or 0-15:2", text)
	if stepped && !isRange {
		return nil, wrong
	}
	from, err := number(first)
	if err != nil {
		return nil, wrong
	}
	to, by := from, 1
	if isRange {
		if to, err = number(last); err != nil {
			return nil, wrong
		}
	}
	if stepped {
		if by, err = number(step); err != nil {
			return nil, wrong
		}
	}
	switch {
	case to > maxNumber:
		return nil, fmt.Errorf("%s: the highest number of a CPU is %d", text, maxNumber)
	case to < from:
		return nil, fmt.Errorf("%s: the range ends before it begins", text)
	case by == 0:
		return nil, fmt.Errorf("%s: the step must be 1 or more", text)
	}
	for n := from; n <= to; n += by {
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// number reads digits alone: no sign.
func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// FormatList is the shortest list of ascending numbers: 0-3,8.
func FormatList(numbers []int) string {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		last := i
		for last+1 < len(numbers) && numbers[last+1] == numbers[last]+1 {
			last++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(numbers[i]))
		if last > i {
			b.WriteString("-" + strconv.Itoa(numbers[last]))
		}
		i = last + 1
	}
	return b.String()
}
