//go:build !(cuda && linux)

package cuda

import (
	"errors"

	"github.com/kagurazaka/kagurazaka/sdk/internal/stage"
)

func openCUDA(int) (stage.Backend, error) {
	return nil, errors.New("this plugin was built without CUDA: build it with the tag cuda (`task build:cuda` for kagurazaka's plugins), or run it with --device cpu")
}
