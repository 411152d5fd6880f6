// Stands in for the CUDA driver library when a program is linked, and hands every call on to the real one when it runs: the
// functions of cuda.h are one jump each (driver.sh writes them), through a table that is filled from libcuda.so.1.
//
// A program linked so starts on any machine, driver or not. The first cuInit does nothing and succeeds: that is the call which
// gorgonia.org/cu makes before main and exits the program on. Every later cuInit is the real one: it loads the
// driver, and says in its result when there is none.
#include <cuda.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

extern const char *const kagurazaka_cuda_names[];
extern void *kagurazaka_cuda_table[];
extern const size_t kagurazaka_cuda_count;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CUresult (*init)(unsigned int);
static int asked;

// Where the table points before the driver is loaded, and where it has no such function.
CUresult kagurazaka_cuda_early(void) { return CUDA_ERROR_NOT_INITIALIZED; }
static CUresult absent(void) { return CUDA_ERROR_NOT_SUPPORTED; }

static void load(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (library == NULL) return;
  for (size_t i = 0; i < kagurazaka_cuda_count; i++) {
    void *f = dlsym(library, kagurazaka_cuda_names[i]);
    kagurazaka_cuda_table[i] = f != NULL ? f : (void *)absent;
  }
  init = (CUresult(*)(unsigned int))dlsym(library, "cuInit");
}

CUresult cuInit(unsigned int flags) {
  if (!__atomic_exchange_n(&asked, 1, __ATOMIC_SEQ_CST)) return CUDA_SUCCESS;
  pthread_once(&once, load);
  return init == NULL ? CUDA_ERROR_SHARED_OBJECT_INIT_FAILED : init(flags);
}
