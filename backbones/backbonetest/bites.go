package backbonetest

// Bites hands out a fuzzer's bytes as numbers, zeros when they are used up.
type Bites struct{ Data []byte }

// Next is a number from 0 up to below.
func (b *Bites) Next(below int) int {
	if len(b.Data) == 0 {
		return 0
	}
	n := int(b.Data[0]) % below
	b.Data = b.Data[1:]
	return n
}

// Wild is a number that is near to what is right, or far off.
func (b *Bites) Wild(near int) int {
	return []int{near, near - 1, near + 1, 0, -1, 1 << 31, -1 << 31, 1<<32 - 1, near}[b.Next(9)]
}
