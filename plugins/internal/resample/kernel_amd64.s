#include "textflag.h"

// ADDROWS adds two rows of 32 samples (Y4 and Y5), weighted by the pair of coefficients that fills Y6, to the sums in
// Y0…Y3. Interleaving the rows' bytes and widening them puts both samples of a column side by side, where VPMADDWD
// multiplies and adds them in one step. Y15 is zero.
#define ADDROWS \
	VPUNPCKLBW Y5, Y4, Y7   \
	VPUNPCKHBW Y5, Y4, Y8   \
	VPUNPCKLBW Y15, Y7, Y9  \
	VPUNPCKHBW Y15, Y7, Y10 \
	VPUNPCKLBW Y15, Y8, Y11 \
	VPUNPCKHBW Y15, Y8, Y12 \
	VPMADDWD   Y6, Y9, Y9   \
	VPMADDWD   Y6, Y10, Y10 \
	VPMADDWD   Y6, Y11, Y11 \
	VPMADDWD   Y6, Y12, Y12 \
	VPADDD     Y9, Y0, Y0   \
	VPADDD     Y10, Y1, Y1  \
	VPADDD     Y11, Y2, Y2  \
	VPADDD     Y12, Y3, Y3

// func convolveAVX2(dst *byte, n int, src *byte, stride int, coefs *int16, taps int)
TEXT ·convolveAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ src+16(FP), SI
	MOVQ stride+24(FP), DX
	MOVQ coefs+32(FP), R8
	MOVQ taps+40(FP), R9

	VPXOR        Y15, Y15, Y15
	MOVL         $8192, AX         // coefRound
	VMOVD        AX, X14
	VPBROADCASTD X14, Y14
	LEAQ         (DX)(DX*1), R14   // two rows
	XORQ         R11, R11          // column

block:
	// The last block ends with the row: it overlaps the one before it, and writes the same values there.
	LEAQ 32(R11), AX
	CMPQ AX, CX
	JLE  inside
	MOVQ CX, R11
	SUBQ $32, R11

inside:
	LEAQ    (SI)(R11*1), BX
	VMOVDQA Y14, Y0
	VMOVDQA Y14, Y1
	VMOVDQA Y14, Y2
	VMOVDQA Y14, Y3
	MOVQ    R8, R12
	MOVQ    R9, R13
	SHRQ    $1, R13
	JZ      last

pair:
	VMOVDQU      (BX), Y4
	VMOVDQU      (BX)(DX*1), Y5
	VPBROADCASTD (R12), Y6
	ADDROWS
	ADDQ R14, BX
	ADDQ $4, R12
	DECQ R13
	JNZ  pair

last:
	// An odd row is paired with zeros.
	TESTQ        $1, R9
	JZ           store
	MOVWLZX      (R12), AX
	VMOVD        AX, X6
	VPBROADCASTD X6, Y6
	VMOVDQU      (BX), Y4
	VMOVDQA      Y15, Y5
	ADDROWS

store:
	VPSRAD    $14, Y0, Y0
	VPSRAD    $14, Y1, Y1
	VPSRAD    $14, Y2, Y2
	VPSRAD    $14, Y3, Y3
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKUSWB Y2, Y0, Y0
	VMOVDQU   Y0, (DI)(R11*1)
	ADDQ      $32, R11
	CMPQ      R11, CX
	JLT       block
	VZEROUPPER
	RET

// func transpose8AVX2(dst *byte, dstStride int, src *byte, srcStride int, n int)
//
// Three rounds of interleaving turn 8 rows of 16 bytes into 16 columns of 8 bytes: after the first, a register holds pairs of
// rows (0,4), (1,5), …; after the second, quadruples; after the third, two whole columns.
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ srcStride+24(FP), R8
	MOVQ n+32(FP), CX
	LEAQ (R8)(R8*2), R9   // three source rows
	LEAQ (DX)(DX*1), R11  // two columns

columns:
	LEAQ    (SI)(R8*4), R10
	VMOVDQU (SI), X0
	VMOVDQU (SI)(R8*1), X1
	VMOVDQU (SI)(R8*2), X2
	VMOVDQU (SI)(R9*1), X3
	VMOVDQU (R10), X4
	VMOVDQU (R10)(R8*1), X5
	VMOVDQU (R10)(R8*2), X6
	VMOVDQU (R10)(R9*1), X7

	VPUNPCKLBW X4, X0, X8
	VPUNPCKHBW X4, X0, X9
	VPUNPCKLBW X5, X1, X10
	VPUNPCKHBW X5, X1, X11
	VPUNPCKLBW X6, X2, X12
	VPUNPCKHBW X6, X2, X13
	VPUNPCKLBW X7, X3, X14
	VPUNPCKHBW X7, X3, X15

	VPUNPCKLBW X12, X8, X0   // columns 0…3, rows 0 2 4 6
	VPUNPCKHBW X12, X8, X1   // columns 4…7
	VPUNPCKLBW X13, X9, X2   // columns 8…11
	VPUNPCKHBW X13, X9, X3   // columns 12…15
	VPUNPCKLBW X14, X10, X4  // the same, rows 1 3 5 7
	VPUNPCKHBW X14, X10, X5
	VPUNPCKLBW X15, X11, X6
	VPUNPCKHBW X15, X11, X7

	VPUNPCKLBW X4, X0, X8    // columns 0, 1
	VPUNPCKHBW X4, X0, X9
	VPUNPCKLBW X5, X1, X10
	VPUNPCKHBW X5, X1, X11
	VPUNPCKLBW X6, X2, X12
	VPUNPCKHBW X6, X2, X13
	VPUNPCKLBW X7, X3, X14
	VPUNPCKHBW X7, X3, X15   // columns 14, 15

	VMOVQ   X8, (DI)
	VMOVHPS X8, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X9, (DI)
	VMOVHPS X9, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X10, (DI)
	VMOVHPS X10, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X11, (DI)
	VMOVHPS X11, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X12, (DI)
	VMOVHPS X12, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X13, (DI)
	VMOVHPS X13, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X14, (DI)
	VMOVHPS X14, (DI)(DX*1)
	ADDQ    R11, DI
	VMOVQ   X15, (DI)
	VMOVHPS X15, (DI)(DX*1)
	ADDQ    R11, DI

	ADDQ $16, SI
	SUBQ $16, CX
	JNZ  columns
	VZEROUPPER
	RET
